"""Reads an exposition from a file with Prometheus' own parser and prints it as JSON."""

import json
import sys

from prometheus_client.parser import text_string_to_metric_families

families = list(text_string_to_metric_families(open(sys.argv[1], encoding="utf-8").read()))
samples = [
    {"name": sample.name, "labels": sample.labels, "value": str(sample.value)}
    for family in families
    for sample in family.samples
]
undocumented = [family.name for family in families if not family.documentation]
untyped = [family.name for family in families if family.type == "unknown"]
print(json.dumps({"samples": samples, "undocumented": undocumented, "untyped": untyped}))
