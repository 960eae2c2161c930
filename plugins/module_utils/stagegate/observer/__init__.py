"""The observer: goes on with a deployment's windows after its command has ended.

``orders`` is what it was told; ``passes`` runs the playbook that looks, judges and, where a window
is red, goes back; ``under_systemd`` and ``under_supervisord`` keep it alive on the controller. It
remembers nothing: what is due, and what was seen, stands in the ledgers of the hosts.
"""
