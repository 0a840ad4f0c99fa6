"""A host app in Python: connects a user, syncs, reads, and adds a weight, with the generated client.

Only the browser is played without it."""

import datetime
import sys

import httpx
from syncwell_client import AuthenticatedClient
from syncwell_client.api.connections import authorize_connection
from syncwell_client.api.data import add_records, list_records
from syncwell_client.api.sync import sync_connection
from syncwell_client.models import (
    Accepted,
    Activity,
    Added,
    Begin,
    Begun,
    ExerciseInput,
    MeasurementInput,
    MeasurementType,
    NewRecord,
    NewRecords,
    Problem,
    RecordList,
)

client = AuthenticatedClient(base_url=sys.argv[1], token=sys.argv[2], timeout=httpx.Timeout(60))

begun = authorize_connection.sync("ben", "withings", client=client, body=Begin())
assert isinstance(begun, Begun), begun
form = {"account": "ben", "decision": "allow"}
page = httpx.post(begun.authorize_url, data=form, follow_redirects=True, timeout=60)
assert page.status_code == 200 and "Withings is connected" in page.text, page.text
synced = sync_connection.sync("ben", "withings", client=client, wait="1m")
assert isinstance(synced, Accepted), synced
print("synced", synced.syncs[0].outcome)
brought = list_records.sync("ben", client=client, partner="withings")
assert isinstance(brought, RecordList), brought
for record in brought.records:
    print("brought", record.measurement.value, record.measurement.unit, record.source.partner)

start = datetime.datetime.fromisoformat("2026-03-04T06:15:00+02:00")
weight = MeasurementInput(type_=MeasurementType.WEIGHT, value=71.3)
run = ExerciseInput(activity=Activity.RUNNING, duration_s=1800)
body = NewRecords(
    records=[
        NewRecord(app_id="py-1", start=start, measurement=weight),
        NewRecord(app_id="py-2", start=start + datetime.timedelta(hours=1), exercise=run),
    ]
)
added = add_records.sync("ben", client=client, body=body)
assert isinstance(added, Added), added
read = list_records.sync("ben", client=client, type_=[MeasurementType.WEIGHT], limit=10)
assert isinstance(read, RecordList), read
for record in read.records:
    print(record.measurement.type_, record.measurement.value, record.measurement.unit, record.start)

# A date without an offset, which Python makes so easily, is refused in words.
naive = NewRecord(app_id="py-3", start=start.replace(tzinfo=None), measurement=weight)
wrong = add_records.sync("ben", client=client, body=NewRecords(records=[naive]))
assert isinstance(wrong, Problem), wrong
print(wrong.errors[0].pointer, wrong.detail)

nobody = AuthenticatedClient(base_url=sys.argv[1], token="wrong")
refused = list_records.sync("ben", client=nobody)
assert isinstance(refused, Problem) and refused.status == 401, refused
