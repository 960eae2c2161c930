"""The questions to the catalogs: one row for each object, ``(kind, name, relation, definition)``.

``relation`` is the bare name of the table an object hangs on, empty for none. Left out is what the
server itself or an extension brings. Names are written without the schema ``public``. What is
granted stands in a fixed order; nothing granted means the same as its default, and what an owner
may do with its own is not told.
"""

from __future__ import annotations

from string import Template

GRANTED = Template("""(
  SELECT 'granted: ' || string_agg(
    concat_ws(' ', coalesce(g.rolname, 'public'), a.privilege_type,
      CASE WHEN a.is_grantable THEN 'grantable' END),
    ', ' ORDER BY coalesce(g.rolname, 'public') COLLATE "C", a.privilege_type COLLATE "C")
  FROM aclexplode(coalesce($acl, acldefault('$kind', $owner))) a
  LEFT JOIN pg_roles g ON g.oid = a.grantee WHERE a.grantee <> $owner)""")

OWN = Template("""NOT EXISTS (
  SELECT FROM pg_depend e
  WHERE e.classid = '$catalog'::regclass AND e.objid = $alias.oid AND e.deptype = 'e')""")


def granted(acl: str, kind: str, owner: str) -> str:
    """SQL of what is granted on an object."""
    return GRANTED.substitute(acl=acl, kind=kind, owner=owner)


def own(catalog: str, alias: str) -> str:
    """SQL that is true where an object is not an extension's."""
    return OWN.substitute(catalog=catalog, alias=alias)


PARTS = {
    "schemas": r"(n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema')",
    "called": "CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || ",
    "own_relation": own("pg_class", "c"),
    "own_indexed": own("pg_class", "r"),
    "own_constraint": own("pg_constraint", "k"),
    "own_type": own("pg_type", "t"),
    "own_function": own("pg_proc", "p"),
    "own_schema": own("pg_namespace", "n"),
    "on_relation": granted("c.relacl", "r", "c.relowner"),
    "on_column": granted("a.attacl", "c", "c.relowner"),
    "on_sequence": granted("c.relacl", "s", "c.relowner"),
    "on_function": granted("p.proacl", "f", "p.proowner"),
    "on_schema": granted("n.nspacl", "n", "n.nspowner"),
}
"""What the questions have in common."""


def written_out(question: str) -> str:
    """A question with its common parts put in."""
    return Template(question).substitute(PARTS)


RELATIONS = """
SELECT 'relation', $called c.relname, c.relname, concat_ws(' ',
  c.relkind, c.relpersistence, 'owner', pg_get_userbyid(c.relowner), c.reloptions::text,
  'identity ' || c.relreplident::text, CASE WHEN c.relrowsecurity THEN 'row security' END,
  CASE WHEN c.relforcerowsecurity THEN 'forced' END,
  CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END,
  pg_get_expr(c.relpartbound, c.oid),
  (SELECT 'inherits ' || string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno)
   FROM pg_inherits i WHERE i.inhrelid = c.oid),
  $on_relation)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND $schemas AND $own_relation
"""

COLUMNS = """
SELECT 'column', $called c.relname || '.' || a.attname, c.relname, concat_ws(' ',
  format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' END,
  CASE WHEN a.attcollation <> t.typcollation
    THEN 'collate ' || a.attcollation::regcollation::text END,
  'identity ' || nullif(a.attidentity::text, ''), 'generated ' || nullif(a.attgenerated::text, ''),
  'default ' || pg_get_expr(d.adbin, d.adrelid), CASE WHEN a.attacl IS NOT NULL THEN $on_column END)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'f', 'c')
AND $schemas AND $own_relation
"""

CONSTRAINTS = """
SELECT 'constraint', $called coalesce(c.relname, t.typname) || '.' || k.conname,
  coalesce(c.relname, ''), pg_get_constraintdef(k.oid)
FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace
LEFT JOIN pg_class c ON c.oid = k.conrelid LEFT JOIN pg_type t ON t.oid = k.contypid
WHERE k.contype IN ('c', 'f', 'p', 'u', 'x') AND $schemas AND $own_constraint
AND (c.oid IS NULL OR $own_relation) AND (t.oid IS NULL OR $own_type)
"""

INDEXES = """
SELECT 'index', $called c.relname, r.relname, pg_get_indexdef(x.indexrelid)
  || CASE WHEN x.indisvalid THEN '' ELSE ' INVALID' END
FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid JOIN pg_class r ON r.oid = x.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE $schemas AND $own_indexed
"""

SEQUENCES = """
SELECT 'sequence', $called c.relname, coalesce(o.relname, ''), concat_ws(' ',
  format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache,
  s.seqcycle, 'owner', pg_get_userbyid(c.relowner),
  $on_sequence)
FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_depend p ON p.classid = 'pg_class'::regclass AND p.objid = c.oid
  AND p.deptype IN ('a', 'i') AND p.refobjsubid > 0
LEFT JOIN pg_class o ON o.oid = p.refobjid
WHERE $schemas AND $own_relation
"""

VIEWS = """
SELECT 'view', $called c.relname, c.relname, pg_get_viewdef(c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('v', 'm') AND $schemas AND $own_relation
"""

TYPES = """
SELECT 'type', $called t.typname, '', concat_ws(' ', t.typtype,
  'owner', pg_get_userbyid(t.typowner),
  (SELECT string_agg(quote_literal(l.enumlabel), ', ' ORDER BY l.enumsortorder)
   FROM pg_enum l WHERE l.enumtypid = t.oid),
  CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END,
  CASE WHEN t.typnotnull THEN 'not null' END, t.typdefault,
  (SELECT format_type(r.rngsubtype, NULL) FROM pg_range r WHERE r.rngtypid = t.oid))
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_class c ON c.oid = t.typrelid
WHERE (t.typtype IN ('d', 'e', 'r') OR c.relkind = 'c') AND $schemas AND $own_type
"""

FUNCTIONS = """
SELECT 'function', p.oid::regprocedure::text, '', concat_ws(' ',
  CASE WHEN p.prokind = 'a' THEN 'aggregate' ELSE pg_get_functiondef(p.oid) END,
  'owner', pg_get_userbyid(p.proowner), $on_function)
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE $schemas AND $own_function
"""

TRIGGERS = """
SELECT 'trigger', $called c.relname || '.' || t.tgname, c.relname,
  pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT t.tgisinternal AND $schemas AND $own_relation
"""

RULES = """
SELECT 'rule', $called c.relname || '.' || r.rulename, c.relname, pg_get_ruledef(r.oid)
FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE r.rulename <> '_RETURN' AND $schemas AND $own_relation
"""

POLICIES = """
SELECT 'policy', $called c.relname || '.' || p.polname, c.relname, concat_ws(' ',
  p.polcmd, p.polpermissive, (SELECT string_agg(coalesce(g.rolname, 'public'), ', ' ORDER BY 1)
    FROM unnest(p.polroles) role LEFT JOIN pg_roles g ON g.oid = role),
  pg_get_expr(p.polqual, p.polrelid), 'check', pg_get_expr(p.polwithcheck, p.polrelid))
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE $schemas AND $own_relation
"""

STATISTICS = """
SELECT 'statistics', $called s.stxname, c.relname, pg_get_statisticsobjdef(s.oid)
FROM pg_statistic_ext s JOIN pg_class c ON c.oid = s.stxrelid
JOIN pg_namespace n ON n.oid = s.stxnamespace
WHERE $schemas AND $own_relation
"""

NAMESPACES = """
SELECT 'schema', n.nspname, '', concat_ws(' ', pg_get_userbyid(n.nspowner),
  $on_schema)
FROM pg_namespace n WHERE $schemas AND $own_schema
"""

EXTENSIONS = """
SELECT 'extension', e.extname, '', n.nspname FROM pg_extension e
JOIN pg_namespace n ON n.oid = e.extnamespace
"""

PUBLICATIONS = """
SELECT 'publication', p.pubname, '', concat_ws(' ', p.puballtables, p.pubinsert, p.pubupdate,
  p.pubdelete, p.pubtruncate) FROM pg_publication p
"""

EVENT_TRIGGERS = """
SELECT 'event trigger', t.evtname, '', concat_ws(' ', t.evtevent, t.evtenabled,
  t.evtfoid::regproc, t.evttags) FROM pg_event_trigger t
"""

ALL = written_out(
    " UNION ALL ".join(
        (
            *(
                RELATIONS,
                COLUMNS,
                CONSTRAINTS,
                INDEXES,
                SEQUENCES,
                VIEWS,
                TYPES,
                FUNCTIONS,
                TRIGGERS,
            ),
            *(RULES, POLICIES, STATISTICS, NAMESPACES, EXTENSIONS, PUBLICATIONS, EVENT_TRIGGERS),
        )
    )
)
"""Every object."""
