# SPDX-License-Identifier: MIT
"""Validates JSON by the words of JSON Schema that corelate's schema uses; an unknown word is a fault of this file, and told."""
import re

KNOWN = {"$schema", "$defs", "$ref", "title", "description", "type", "enum", "const", "pattern", "anyOf", "required", "properties",
         "items", "minItems"}
TYPES = {"object": dict, "array": list, "string": str, "null": type(None), "boolean": bool}


def is_type(value, name):
    if name == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if name == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


class Validator:
    def __init__(self, schema):
        self.root, self.compiled = schema, {}

    def test(self, schema):
        """A function that says whether a value is valid: a deep stack has thousands of frames, and errors() is slow."""
        if id(schema) not in self.compiled:
            self.compiled[id(schema)] = lambda value: self.compiled[id(schema)](value)  # a schema that holds itself
            self.compiled[id(schema)] = self.compile(schema)
        return self.compiled[id(schema)]

    def compile(self, schema):
        tests = []
        if schema.keys() - KNOWN:
            return lambda value: False
        if "$ref" in schema:
            tests.append(self.test(self.resolve(schema["$ref"])))
        if "anyOf" in schema:
            inner = [self.test(one) for one in schema["anyOf"]]
            tests.append(lambda value: any(one(value) for one in inner))
        if "const" in schema or "enum" in schema:
            some = [schema["const"]] if "const" in schema else schema["enum"]
            tests.append(lambda value: value in some)
        if "type" in schema:
            names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
            tests.append(lambda value: any(is_type(value, name) for name in names))
        if "pattern" in schema:
            search = re.compile(schema["pattern"]).search
            tests.append(lambda value: not isinstance(value, str) or search(value))
        if "required" in schema or "properties" in schema:
            required = set(schema.get("required", ()))
            members = [(name, self.test(inner)) for name, inner in schema.get("properties", {}).items()]
            tests.append(lambda value: not isinstance(value, dict) or (required <= value.keys() and all(
                member(value[name]) for name, member in members if name in value)))
        if "items" in schema or "minItems" in schema:
            item, least = self.test(schema.get("items", {})), schema.get("minItems", 0)
            tests.append(lambda value: not isinstance(value, list) or (len(value) >= least and all(map(item, value))))
        return lambda value: all(test(value) for test in tests)

    def resolve(self, reference):
        found = self.root
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        return found

    def errors(self, value, schema=None, path="$"):
        """Each as text; empty for a valid value."""
        schema = self.root if schema is None else schema
        if self.test(schema)(value):
            return
        unknown = schema.keys() - KNOWN
        if unknown:
            yield f"{path}: the schema uses {sorted(unknown)}, which this validator does not know"
        if "$ref" in schema:
            yield from self.errors(value, self.resolve(schema["$ref"]), path)
        if "anyOf" in schema and all(next(self.errors(value, one, path), None) for one in schema["anyOf"]):
            yield f"{path}: {str(value)[:80]!r} is none of what may be here"
        if "const" in schema and value != schema["const"]:
            yield f"{path}: {value!r}, not {schema['const']!r}"
        if "enum" in schema and value not in schema["enum"]:
            yield f"{path}: {value!r} is none of {schema['enum']}"
        if "type" in schema:
            names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
            if not any(is_type(value, name) for name in names):
                yield f"{path}: {str(value)[:80]!r} is not of type {'|'.join(names)}"
                return
        if "pattern" in schema and isinstance(value, str) and not re.search(schema["pattern"], value):
            yield f"{path}: {value[:80]!r} does not match {schema['pattern']}"
        if isinstance(value, dict):
            for name in schema.get("required", ()):
                if name not in value:
                    yield f"{path}: {name} is missing"
            for name, inner in schema.get("properties", {}).items():
                if name in value:
                    yield from self.errors(value[name], inner, f"{path}.{name}")
        if isinstance(value, list):
            if len(value) < schema.get("minItems", 0):
                yield f"{path}: fewer than {schema['minItems']}"
            if "items" in schema:
                for index, inner in enumerate(value):
                    yield from self.errors(inner, schema["items"], f"{path}[{index}]")
