"""Webhooks: notify a URL by a signed POST when a generation ends, and retry for a day until it is accepted.

asked       checks the webhook of a request: its URL and its events
message     the message, its id and its signature
secret      the owners' secrets for signing
queued      the message of the queue
sending     sends one POST
senders     shares the senders between owners and hosts, and pauses receivers that fail
records     the state of each delivery
courier     delivers the message of an announcement
"""
