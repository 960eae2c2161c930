"""The SQLite store: data in generations, one atomic link to the live one.

::

    <root>/current -> generations/gen-<run>     the live link; each database has its own -wal
    <root>/generations/gen-<run>/<file>         one database, never written again once it is left

Three rules carry everything here. A live database is only ever opened ``mode=ro`` and copied by the
backup interface: no checkpoint, no raw read. A database at rest is never opened in place unless it
is clean, and then as immutable; otherwise it is copied together with its WAL and recovered there.
Nothing is ever written over a database that served: going back is one rename, in constant time.

Layers, lower ones first: ``model`` (what a user declared), ``connect``, ``schema``, ``integrity``,
``fingerprint``, ``compare`` (questions to a database), ``rest``, ``openers``, ``generations``
(questions to its files), ``snapshot``, ``manifest``, ``drill``, ``backup`` (backups). Above them
lie the actions: ``probe``, ``proof`` (backup and compare), ``forward`` (stage and seal),
``switch``, ``evidence`` (forensic and delta), ``restore``; and ``driver``, which calls them by
name. What is no matter of SQLite is in ``store``.
"""
