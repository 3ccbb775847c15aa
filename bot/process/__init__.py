"""
The process itself: logs, counters, memory, version and shutdown.

counters.py  counters of this process for `/metrics`
garbage.py   leave what is loaded at the start out of garbage collection
logs.py      structured logs, with secrets removed
malloc.py    make malloc return freed memory to the system
shutdown.py  end the process without waiting for stuck threads
version.py   the version of this program
"""
