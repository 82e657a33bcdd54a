// What the compiler must accept, and, after each `@ts-expect-error`, what it must not.

import { Stale, createClient, type Client, type models } from "../src/index.js";

const client: Client = createClient("https://acme.example.com", { token: "t" });

export async function typed(): Promise<string | undefined> {
  const body: models.MaintenanceAssetsCreate = { name: "Pump", tag: "P-1" };
  const made = await client.maintenance.assets.create(body);
  await client.maintenance.assets.update(made.id, { name: "New" }, { version: made.version });
  for await (const asset of client.maintenance.assets.list({ state: "down", per_page: 2 })) {
    if (asset.state === "retired") return asset.name;
  }
  const sheet: Uint8Array = await client.maintenance.assets.export({ format: "csv" });
  // @ts-expect-error a body must have what the server demands
  await client.maintenance.assets.create({ name: "Pump" });
  // @ts-expect-error nobody filters by a state that there is not
  client.maintenance.assets.list({ state: "broken" });
  // @ts-expect-error an id is a text
  await client.maintenance.assets.get(1);
  return sheet.length > 0 && made instanceof Stale ? made.code : undefined;
}
