"""The tables of the demo company's database, statement by statement. Pure."""

import sqlite3
from collections.abc import Iterator

_TABLES = """
CREATE TABLE IF NOT EXISTS chapter (
  chapter INTEGER PRIMARY KEY, seed INTEGER NOT NULL, anchor TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS customer (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL, address TEXT NOT NULL,
  joined_on TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS orders (
  id TEXT PRIMARY KEY, customer_id TEXT NOT NULL REFERENCES customer, placed_at TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('processing', 'shipped', 'delivered', 'cancelled')),
  ships_to TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS item (
  order_id TEXT NOT NULL REFERENCES orders, sku TEXT NOT NULL, name TEXT NOT NULL,
  quantity INTEGER NOT NULL CHECK (quantity > 0), price_minor INTEGER NOT NULL,
  PRIMARY KEY (order_id, sku)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS charge (
  id TEXT PRIMARY KEY, customer_id TEXT NOT NULL REFERENCES customer,
  order_id TEXT REFERENCES orders, purpose TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('captured', 'authorised', 'pending', 'released')),
  amount_minor INTEGER NOT NULL CHECK (amount_minor > 0), made_at TEXT NOT NULL,
  drops_off_on TEXT);
CREATE TABLE IF NOT EXISTS refund (
  id TEXT PRIMARY KEY, customer_id TEXT NOT NULL REFERENCES customer,
  order_id TEXT NOT NULL REFERENCES orders, charge_id TEXT NOT NULL REFERENCES charge,
  amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
  status TEXT NOT NULL CHECK (status IN ('processing', 'completed')),
  issued_on TEXT NOT NULL, expected_by TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS shipment (
  order_id TEXT PRIMARY KEY REFERENCES orders, carrier TEXT NOT NULL, tracking TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('in_transit', 'late', 'lost', 'delivered')),
  sent_on TEXT NOT NULL, promised_on TEXT NOT NULL, delivered_on TEXT);
CREATE TABLE IF NOT EXISTS membership (
  customer_id TEXT PRIMARY KEY REFERENCES customer, plan TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('active', 'ending')), started_on TEXT NOT NULL,
  renews_on TEXT NOT NULL, fee_minor INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS entry (
  id INTEGER PRIMARY KEY, idempotency_key TEXT NOT NULL UNIQUE, tool TEXT NOT NULL,
  customer_id TEXT, order_id TEXT, body TEXT NOT NULL, receipt TEXT NOT NULL, at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS ix_orders_customer ON orders (customer_id);
CREATE INDEX IF NOT EXISTS ix_charge_customer ON charge (customer_id);
CREATE INDEX IF NOT EXISTS ix_refund_customer ON refund (customer_id);
CREATE INDEX IF NOT EXISTS ix_entry_order ON entry (order_id);
CREATE TRIGGER IF NOT EXISTS entry_never_changes BEFORE UPDATE ON entry
  BEGIN SELECT RAISE(ABORT, 'a ledger entry never changes'); END;
CREATE TRIGGER IF NOT EXISTS entry_never_goes BEFORE DELETE ON entry
  BEGIN SELECT RAISE(ABORT, 'a ledger entry is never deleted'); END;
"""


def statements() -> Iterator[str]:
    """Yield them one by one: `executescript` would commit behind the transaction's back."""
    pending = ""
    for line in _TABLES.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
