-- The documents' vectors: 768 float32 each, in plain tables, so that every SQLite can read, copy
-- and drop them (a virtual table cannot even be dropped where its module is missing).
-- document_embeddings is what a search scans; document_embeddings_data says what each row is of.
-- depends: 0001.memory-tables

CREATE TABLE document_embeddings (
    rowid INTEGER PRIMARY KEY,
    embedding BLOB NOT NULL,
    CHECK (length(embedding) = 3072)
);

CREATE TABLE document_embeddings_data (
    rowid INTEGER PRIMARY KEY,
    document_id INTEGER NOT NULL REFERENCES document_index (id) ON DELETE CASCADE,
    chunk_index INTEGER NOT NULL DEFAULT 0,
    embedding BLOB NOT NULL,
    CHECK (length(embedding) = 3072)
);
