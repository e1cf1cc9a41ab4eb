-- Roles are the server's: each is made once, however many of its databases are seeded.
-- @ roles
DO $$
DECLARE role text;
BEGIN
  FOREACH role IN ARRAY ARRAY['zoo_reader', 'zoo_writer', 'zoo_auditor', 'Zoo Wärter', 'zoo_team', 'zoo_dba'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
      EXECUTE format('CREATE ROLE %I', role);
    END IF;
  END LOOP;
END $$;
ALTER ROLE zoo_reader LOGIN CONNECTION LIMIT 7 PASSWORD 'SCRAM-SHA-256$4096:em9vem9vem9vem9vem9vem8=$NxXo2fzvRMvcABXWmPQSJuhqPcyFEmQHxCyP1Cg9lwk=:zEBNW3XSN0ZvRn1hr3DLkL9Gw1lqQF9cf2hWVgTdmSk=';
ALTER ROLE zoo_writer LOGIN VALID UNTIL '2031-05-06 07:08:09+02' INHERIT;
ALTER ROLE zoo_auditor NOLOGIN NOINHERIT BYPASSRLS;
ALTER ROLE "Zoo Wärter" LOGIN CREATEROLE CREATEDB;
ALTER ROLE zoo_dba NOLOGIN SUPERUSER;
GRANT zoo_team TO zoo_reader, zoo_writer;
GRANT zoo_team TO "Zoo Wärter" WITH ADMIN OPTION;
COMMENT ON ROLE zoo_team IS 'everyone who feeds';
ALTER ROLE zoo_reader SET statement_timeout = '61s';
ALTER ROLE zoo_reader IN DATABASE {{database}} SET search_path = zoo, "Ünïcode schema", public;
ALTER ROLE zoo_writer IN DATABASE {{database}} SET work_mem = '5MB';
