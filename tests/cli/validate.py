# SPDX-License-Identifier: MIT
"""validate.py SCHEMA|- FILE...: each FILE is one strict JSON text and, unless SCHEMA is -, is valid by it."""
import json
import sys

import jsonschema


def no_duplicates(pairs):
    keys = [key for key, _ in pairs]
    if len(keys) != len(set(keys)):
        raise ValueError("a key appears twice")
    return dict(pairs)


def no_constant(text):
    raise ValueError(text + " is not JSON")


def main(schema_path, paths):
    validator = None
    if schema_path != "-":
        with open(schema_path, encoding="utf-8") as file:
            schema = json.load(file)
        jsonschema.Draft202012Validator.check_schema(schema)
        validator = jsonschema.Draft202012Validator(schema)
    failed = False
    for path in paths:
        try:
            with open(path, "rb") as file:
                text = file.read().decode("utf-8", "strict")
            value = json.loads(text, object_pairs_hook=no_duplicates, parse_constant=no_constant)
        except ValueError as error:
            print(f"{path}: not strict JSON: {error}")
            failed = True
            continue
        for error in validator.iter_errors(value) if validator else ():
            print(f"{path}: {error.json_path}: {error.message[:300]}")
            failed = True
    return failed


sys.exit(main(sys.argv[1], sys.argv[2:]))
