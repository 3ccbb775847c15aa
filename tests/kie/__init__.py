"""
Tests of the image API's client over real sockets.

kie_server.py  a loopback server that gives the image client the answers of a test and records its requests
"""
