"""Webhooks: who asked is told of the end by a signed POST, again and again for a day until it is taken.

asked       what a request may say: which address, of which ends
message     what is sent, under which id, and how it is signed
secret      what each owner's messages are signed with
sending     the one POST
records     what became of each delivery
courier     from the announcement to the delivery
"""
