"""The table of money.

pk "scope"          sk "all", "owner/NAME", "key/ID"   a budget, and what counts against it (core.money.budgets)
pk "price"          sk a name of a model               what the provider asks for it (core.money.prices)
pk "reading"        sk "reading"                       when the prices are read next
pk "usage/OWNER"    sk DAY/model/NAME, DAY/tag/TAG, batch/ID   what an owner's generations cost (core.money.usage)
pk "usage"          sk DAY/OWNER                       the same of all owners
pk "circuit"        sk "circuit"                       there if the provider is out of credits (core.money.circuit)
"""

PK, SK = "pk", "sk"
