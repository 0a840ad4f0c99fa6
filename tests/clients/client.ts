// A host app in TypeScript: connects a user, syncs, reads, and adds a weight, with nothing but generated types.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema";

declare const process: { argv: string[]; exit(code: number): never };

type Problem = components["schemas"]["Problem"];

const [baseUrl, key] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${key}` } });

function failed(problem: Problem | undefined): never {
  for (const error of problem?.errors ?? []) console.error(error.pointer, error.detail);
  throw new Error(problem?.detail ?? "no answer");
}

async function main(): Promise<void> {
  const path = { user: "ann" };
  const connection = { path: { user: "ann", partner: "withings" } };
  const begun = await client.POST("/v1/users/{user}/connections/{partner}/authorize", { params: connection, body: {} });
  if (!begun.data) failed(begun.error);
  // The browser, in which the user allows.
  const form = new URLSearchParams({ account: "ann", decision: "allow" });
  const page = await fetch(begun.data.authorize_url, { method: "POST", body: form });
  if (!(await page.text()).includes("Withings is connected")) throw new Error("not connected");
  const synced = await client.POST("/v1/users/{user}/connections/{partner}/sync", {
    params: { ...connection, query: { wait: "1m" } },
  });
  if (!synced.data) failed(synced.error);
  console.log("synced", synced.data.syncs?.[0]?.outcome);
  const added = await client.POST("/v1/users/{user}/records", {
    params: { path },
    body: {
      records: [
        { app_id: "ts-1", start: "2026-03-04T06:15:00+02:00", measurement: { type: "weight", value: 71.3 } },
        { app_id: "ts-2", start: "2026-03-04T07:15:00+02:00", exercise: { activity: "running", duration_s: 1800 } },
      ],
    },
  });
  if (!added.data) failed(added.error);
  const read = await client.GET("/v1/users/{user}/records", { params: { path, query: { type: ["weight"], limit: 10 } } });
  if (!read.data) failed(read.error);
  for (const record of read.data.records) {
    const value: number | undefined = record.measurement?.value;
    const source: string = "app" in record.source ? record.source.app : record.source.partner;
    console.log(record.measurement?.type, value, record.measurement?.unit, source);
  }
  const exercises = await client.GET("/v1/users/{user}/records", { params: { path, query: { kind: "exercise" } } });
  const steps: number | null | undefined = exercises.data?.records[0]?.exercise?.steps;
  console.log("steps", steps);
  const wrong = await client.POST("/v1/users/{user}/records", {
    params: { path },
    body: { records: [{ app_id: "ts-3", start: "2026-03-04", measurement: { type: "weight", value: 7000 } }] },
  });
  if (wrong.response.status !== 422 || !wrong.error) throw new Error("a wrong record was taken");
  console.log(wrong.error.errors?.map((error) => error.pointer).join(" "));
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
