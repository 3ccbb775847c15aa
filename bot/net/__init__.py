"""
HTTP beside the image API: sessions, and downloads that are bounded in size, time and place.

attachments.py       download attachments from Discord's CDN
http.py              read a response up to a limit, and what `Retry-After` says
public_addresses.py  tell public hosts and addresses from private ones
results.py           download results: allowed hosts, limits of size and time
sessions.py          HTTP sessions, with a proxy where HTTPS_PROXY names one
"""
