"""Webhooks: notify a URL by a signed POST when a generation ends, and retry for a day until it is accepted.

asked       checks the webhook of a request: its URL and its events
message     the message, its id and its signature
secret      the owners' secrets for signing
sending     sends one POST
records     the state of each delivery
courier     delivers the message of an announcement
"""
