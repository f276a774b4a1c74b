"""One file for each revision of the schema; released files are never edited."""
