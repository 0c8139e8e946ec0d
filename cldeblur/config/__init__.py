"""What a user may choose: the schema, the checks made before data are read, identity, and what may be built."""
