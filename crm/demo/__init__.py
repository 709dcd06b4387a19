"""The demo shop: a real purchase history, told as the life of a tea and gift shop.

Who bought, on which day, how many things and for how much is real: the CDNOW data set (23,570
customers, 69,659 purchases), moved in time so that its last day is yesterday. Everything the data
set does not say is made up with fixed seeds: names, phones, products, times of day, parcels.
The result is the same to the byte for the same file and the same `today`.

`cdnow` reads the purchases · `people` makes a member of a customer number (`names`, `phones`,
`places`) · `catalogue` and `baskets` turn an amount into order lines · `fulfilment` tells when an
order was paid, sent and delivered · `shop` puts it together in the shapes of the HTTP contract ·
`staff` the demo accounts.

This room makes data and stores nothing; all of it enters through the same rules as live traffic.
"""
