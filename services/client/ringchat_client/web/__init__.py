"""The web gateway: the same chat in a page, through any number of these processes.

A gateway holds nothing that a page could miss. The login is the account's own session
token, in a cookie that no script can read; it works on every replica, so it works through
every gateway. Each page has one WebSocket and behind it one SDK `Client`. When the gateway
dies the page opens another WebSocket, to it or to a sibling, and goes on.

Once. A page that loses its gateway between a write and the answer cannot know whether the
write was done. So the page, not the gateway, names its writes: it draws a client id of 16
random bytes when it is loaded and numbers its writes 1, 2, 3, ...; the gateway passes both
on (`Client.numbered`). Whatever was not answered the page sends again under its old name,
through whichever gateway, and the replicas' own bookkeeping makes that one effect and the
same answer. A message is written to the browser's storage before it is sent and taken out
when it is confirmed, so a page that is reloaded, or a browser that crashed, repeats it too,
under the old page's client id. Replicas remember a name for 24 hours after a client's last
write: what is older than half of that is not repeated by itself but shown to its author.

Safe. The page comes without a foreign byte and runs nothing but its own modules (a strict
content security policy, trusted types: text can only become text). Every POST and every
WebSocket must come from the page's own origin, or, for WebSockets, that of a sibling on the
same host: between programs on one host nothing else tells them apart. Every message from a
page is checked against a table (`methods.py`) and every size, queue and number of requests
has a limit.

Where to read: `app.py` wires, `socket.py` is one page's WebSocket, `methods.py` what a page
may ask, `accounts.py` signing up and logging in, `export.py` all of one's own as a file,
`seats.py` how many may be here, `ring_watch.py` the picture's source,
`origins.py` and `headers.py` what keeps other sites out. `static/main.js` begins the page.
"""
