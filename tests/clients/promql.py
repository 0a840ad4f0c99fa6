"""Reads the dashboard or the alert rules, parses their PromQL, and prints as JSON what they select."""

import json
import sys

import promql_parser
import yaml


def expressions(node):
    """What a file asks Prometheus for."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "expr":
                yield value
            elif name == "definition":
                # label_values(metric, label)
                metric, label = value.removeprefix("label_values(").removesuffix(")").split(", ")
                yield f"count by ({label}) ({metric})"
            else:
                yield from expressions(value)
    elif isinstance(node, list):
        for value in node:
            yield from expressions(value)


def selectors(node):
    """The metrics of an expression, with their matchers and the labels they are grouped by."""
    kind = type(node).__name__
    if kind == "VectorSelector":
        matchers = [(it.name, str(it.op), it.value) for it in node.matchers.matchers]
        yield {"name": node.name, "matchers": matchers, "grouped": []}
    elif kind == "MatrixSelector":
        yield from selectors(node.vector_selector)
    elif kind == "AggregateExpr":
        labels = list(node.modifier.labels) if node.modifier else []
        for found in selectors(node.expr):
            yield {**found, "grouped": found["grouped"] + labels}
    elif kind == "Call":
        for argument in node.args:
            yield from selectors(argument)
    elif kind == "BinaryExpr":
        yield from selectors(node.lhs)
        yield from selectors(node.rhs)
    elif kind in ("ParenExpr", "UnaryExpr", "SubqueryExpr"):
        yield from selectors(node.expr)
    elif kind not in ("NumberLiteral", "StringLiteral"):
        raise ValueError(f"{kind} is not expected")


text = open(sys.argv[1], encoding="utf-8").read()
parsed = json.loads(text) if sys.argv[1].endswith(".json") else yaml.safe_load(text)
found = []
for expression in expressions(parsed):
    plain = expression.replace("$__rate_interval", "1m").replace("$partner", ".*")
    selected = list(selectors(promql_parser.parse(plain)))
    found.append({"expression": expression, "selectors": selected})
print(json.dumps(found))
