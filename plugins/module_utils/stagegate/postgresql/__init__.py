"""The PostgreSQL store: one database of a server on this host, migrated in place or as a copy.

::

    sparkle                 live
    sparkle_drill_<run>     the restored backup: migrations and releases are rehearsed on it
    sparkle_gen_<run>       one_way: the copy that is migrated and takes the live name
    sparkle_old_<run>       one_way: the former live database
    sparkle_failed_<run>    what was left on the way back
    sparkle_check_<run>     a restored image, for as long as one question takes

Three rules carry everything here. What a database is, it is asked for: who closed it, what its
objects are, which databases exist; no version number and no memory of ours decides. Nothing is
believed to be a backup that was not restored and compared. Nothing that served is ever written over
or dropped by a way back: it is renamed, in one transaction.

Layers, lower ones first: ``client`` (SQL and psycopg), ``model`` (what a user declared),
``session``, ``task`` (one call); ``lean``, ``objects``, ``catalog`` (a schema), ``content``,
``difference`` (rows); ``databases``, ``settings``, ``closing``, ``invalid`` (what is done to
databases); ``programs``, ``access``, ``room``, ``manifest``, ``drill``, ``image`` (dumps);
``judge``. Above them lie the actions: ``probe``, ``proof`` (backup, verify and compare),
``forward`` (stage), ``seal``, ``switch`` (activate), ``evidence`` (forensic and delta), ``delta``,
``loss``, ``restore``, ``retention``; and ``driver``, which calls them by name.
"""
