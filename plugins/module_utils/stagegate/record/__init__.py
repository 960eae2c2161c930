"""The account of one run: built from the hosts' ledgers, told in one page.

``build`` makes the record from ledger entries; ``verdict`` and ``message`` say how the run ended
and what to do next; ``checklist`` binds each acceptance line to what was proved; ``markdown`` and
``html`` render the record, with the drawings of ``chart``; ``console`` is the view while it runs.
Nothing here reads a clock or the network: the same ledgers give the same bytes.
"""
