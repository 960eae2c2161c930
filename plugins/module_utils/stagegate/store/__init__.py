"""What the drivers of stores share: data in generations, one atomic link to the live one.

::

    <root>/current -> generations/gen-<run>     the live link
    <root>/generations/gen-<run>/<name>         the data, never written again once they are left

Going back is one rename, in constant time: nothing is ever written over data that served.

Layers, lower ones first: ``copying``, ``openers``, ``facts`` and ``space`` (questions to the host),
``model`` (what a user declared of a place), ``generations``, ``expected`` (what a release may do to
the data), ``steps`` and ``task`` (one call, and what the ledger says of earlier ones), ``guard``,
``retention``. They know no kind of data: that is a driver's business.
"""
