"""What gateways tell us: that a message arrived, bounced or was complained of; what members reply.

A call is checked (`proofs`), read in the gateway's own form (`forms`), and acted upon (`receipts`,
`replies`), each event once however often it is told.
"""
