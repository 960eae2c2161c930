-- What is there stays; psql speaks only of what it makes.

-- The account that migrates owns the database; the one that serves reads and writes rows.
SELECT 'CREATE ROLE sparkle LOGIN'
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sparkle')
\gexec
SELECT 'CREATE ROLE sparkle_app LOGIN'
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sparkle_app')
\gexec
SELECT 'CREATE DATABASE sparkle OWNER sparkle'
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'sparkle')
\gexec

SELECT 'REVOKE ALL ON DATABASE sparkle FROM PUBLIC'
 WHERE has_database_privilege('public', 'sparkle', 'CONNECT')
\gexec
SELECT 'GRANT CONNECT ON DATABASE sparkle TO sparkle_app'
 WHERE NOT has_database_privilege('sparkle_app', 'sparkle', 'CONNECT')
\gexec

\set QUIET on
\connect sparkle
\set QUIET off
SELECT 'ALTER DEFAULT PRIVILEGES FOR ROLE sparkle GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO sparkle_app'
 WHERE NOT EXISTS (SELECT FROM pg_default_acl
                    WHERE defaclrole = 'sparkle'::regrole AND defaclobjtype = 'r')
\gexec
SELECT 'ALTER DEFAULT PRIVILEGES FOR ROLE sparkle GRANT USAGE, SELECT ON SEQUENCES TO sparkle_app'
 WHERE NOT EXISTS (SELECT FROM pg_default_acl
                    WHERE defaclrole = 'sparkle'::regrole AND defaclobjtype = 'S')
\gexec
