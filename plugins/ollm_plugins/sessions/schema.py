"""How do the tables look?"""

from __future__ import annotations

VERSION = 1
"""Of the tables, kept as the database's `user_version`; `STEPS` leads from each version to the next."""

_FIRST = """
CREATE TABLE sessions(
    id TEXT PRIMARY KEY NOT NULL,
    title TEXT NOT NULL,
    created REAL NOT NULL,
    updated REAL NOT NULL,
    folder TEXT NOT NULL,
    project TEXT NOT NULL,
    revision INTEGER NOT NULL DEFAULT 0, -- grows with each change of its turns
    parent TEXT NOT NULL DEFAULT '');
CREATE INDEX sessions_by_time ON sessions(updated);
CREATE TABLE turns(
    key INTEGER PRIMARY KEY,
    session TEXT NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    start INTEGER NOT NULL, -- how many messages stood before it
    count INTEGER NOT NULL, -- how many it added
    gone INTEGER NOT NULL DEFAULT 0, -- it was taken back
    copied INTEGER NOT NULL DEFAULT 0, -- by a fork: it happened in another session
    at REAL NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    reason TEXT NOT NULL, -- empty: under way, or its program was killed
    seconds REAL,
    first_token REAL,
    details TEXT);
CREATE INDEX turns_by_session ON turns(session, key);
CREATE TABLE messages(
    key INTEGER PRIMARY KEY,
    turn INTEGER NOT NULL REFERENCES turns(key) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    role TEXT NOT NULL,
    content TEXT NOT NULL,
    rest TEXT);
CREATE INDEX messages_by_turn ON messages(turn, number);
CREATE TABLE tool_calls(
    key INTEGER PRIMARY KEY,
    turn INTEGER NOT NULL REFERENCES turns(key) ON DELETE CASCADE,
    tool TEXT NOT NULL,
    record TEXT NOT NULL);
CREATE INDEX tool_calls_by_turn ON tool_calls(turn);
CREATE INDEX tool_calls_by_tool ON tool_calls(tool);
CREATE TABLE notes(
    session TEXT NOT NULL,
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY(session, name));
CREATE VIRTUAL TABLE words USING fts5(
    content, content='messages', content_rowid='key', tokenize='unicode61 remove_diacritics 2');
CREATE TRIGGER messages_added AFTER INSERT ON messages BEGIN
    INSERT INTO words(rowid, content) VALUES (new.key, new.content);
END;
CREATE TRIGGER messages_removed AFTER DELETE ON messages BEGIN
    INSERT INTO words(words, rowid, content) VALUES ('delete', old.key, old.content);
END;
"""

STEPS: tuple[str, ...] = (_FIRST,)
"""Statements that make the next version of each version, the first from an empty file."""
TABLES = ("sessions", "turns", "messages", "tool_calls", "notes")
"""Those that hold what was kept; `words` is made from `messages`."""
