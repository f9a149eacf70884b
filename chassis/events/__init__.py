"""Events as facts, without delivery: what aggregates publish, what services listen to, schemas, envelopes, sealing."""
