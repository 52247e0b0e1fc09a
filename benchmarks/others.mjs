// Saves appended by others, 64 in flight: `node others.mjs emmett|message_db CONNECTION COUNT` prints saves a second.
// CONNECTION is JSON: host, port, user, database. It runs in the folder that holds the packages.

import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";

import pg from "pg";

const IN_FLIGHT = 64;
const data = { note: "x".repeat(150) };
const [which, connection, count] = process.argv.slice(2);
const place = JSON.parse(connection);

async function emmett() {
  const { getPostgreSQLEventStore } = await import("@event-driven-io/emmett-postgresql");
  const { user, host, port, database } = place;
  const store = getPostgreSQLEventStore(
    `postgresql://${user}@localhost/${database}?host=${encodeURIComponent(host)}&port=${port}`,
  );
  await store.schema.migrate();
  return {
    save: () => store.appendToStream(`purchase-${randomUUID()}`, [{ type: "Recorded", data }], {
      expectedStreamVersion: "STREAM_DOES_NOT_EXIST",
    }),
    close: () => store.close(),
  };
}

async function messageDb() {
  const pool = new pg.Pool({ ...place, max: 16, options: "-c search_path=message_store,public" });
  await install(pool);
  const text = "SELECT write_message($1, $2, $3, $4, NULL, -1)";
  return {
    save: () => pool.query({
      name: "write", text, values: [randomUUID(), `purchase-${randomUUID()}`, "Recorded", JSON.stringify(data)],
    }),
    close: () => pool.end(),
  };
}

// What its install.sh does with psql, without roles, and without pgcrypto: what it needs of that is in PostgreSQL itself.
async function install(pool) {
  const found = await pool.query("SELECT to_regclass('message_store.messages') AS there");
  if (found.rows[0].there) return;
  const base = "node_modules/@eventide/message-db/database";
  const all = (folder) => readdirSync(`${base}/${folder}`).sort().map((name) => `${folder}/${name}`);
  const files = ["schema/message-store.sql", "tables/messages.sql",
    ...all("types"), ...all("functions"), ...all("indexes")];
  for (const file of files) await pool.query(readFileSync(`${base}/${file}`, "utf8"));
}

async function work(save, many) {
  let left = many;
  const lane = async () => {
    while (left-- > 0) await save();
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
}

const { save, close } = await (which === "emmett" ? emmett() : messageDb());
await work(save, 200);
const started = process.hrtime.bigint();
await work(save, Number(count));
console.log(Number(count) / (Number(process.hrtime.bigint() - started) / 1e9));
await close();
