"""The functions of a search, in SQL: what a text is in an index, and what is looked for.

Nothing that comes from a caller becomes part of a text: it is an argument, folded to
letters and digits before it is made into what an index is asked.
"""

from insula.kernel.database.cluster import EXTENSIONS
from insula.kernel.database.folding import folding, plain_folding

MOST_FOUND = 200
"""Ids that one search answers with."""
MOST_LOOKED_AT = 1000
"""Rows of one step of a search that are put in order: bounds what a common word costs."""
LONGEST_ASKED, MOST_WORDS, LONGEST_WORD = 200, 8, 48
LONGEST_TEXT = 2000
"""Characters of a field that are searched."""
FEW = 5
"""With fewer rows found by their words, those are added that are written alike."""
MOST_ALIKE = 20
VERY_ALIKE, QUITE_ALIKE, ALIKE = 0.6, 0.5, 0.42
"""Shares of the asked three-letter parts that a text must have to be written alike.

The first of them that finds something ends it: with each step far more rows have to be
looked at. The last is for where words have found nothing at all.
"""
MOST_COMPARED = 200
"""Rows written alike that are put in order."""
THRESHOLD = "pg_trgm.word_similarity_threshold"
TRIGRAMS = ("pg_trgm", "btree_gin")
"""The extensions without which misspelt words find nothing."""
EDITION = 1
"""Counted up with every change of the functions that indexes are made with."""

FOLD = f"{EXTENSIONS}.search_fold_{EDITION}"
WORDS = f"{EXTENSIONS}.search_words_{EDITION}"
NEEDLES = f"{EXTENSIONS}.search_needles_{EDITION}"

COMMON = (
    # It is no plain SQL, or plans would be made as if it cost nothing.
    """
CREATE FUNCTION {FOLD}(given text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS $$
BEGIN
  IF octet_length(given) = length(given) THEN
    RETURN {plain};
  END IF;
  RETURN {folding};
END $$
""",
    """
CREATE FUNCTION {WORDS}(tenant uuid, fields text[]) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 1000 AS $$
DECLARE
  tag text := right(tenant::text, 12);
  number int := 96;
  field text;
  mark text;
  found text[] := '{{}}';
BEGIN
  FOREACH field IN ARRAY fields LOOP
    number := number + 1;
    field := {FOLD}(left(field, {LONGEST_TEXT}));
    CONTINUE WHEN field IS NULL OR field = '';
    mark := tag || chr(number);
    found := found || string_to_array(mark || replace(field, ' ', ' ' || mark), ' ');
  END LOOP;
  RETURN array_to_tsvector(found);
END $$
""",
    # What is looked for, the best first: whole words in the first field, words that
    # begin so in each field, and at last each word in any of them.
    """
CREATE FUNCTION {NEEDLES}(tenant uuid, asked text, fields text) RETURNS tsquery[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 1000 AS $$
DECLARE
  tag text := right(tenant::text, 12);
  marks text[] := string_to_array(fields, NULL);
  words text[] := (SELECT array_agg(DISTINCT left(w, {LONGEST_WORD})) FROM (
      SELECT w FROM string_to_table({FOLD}(left(asked, {LONGEST_ASKED})), ' ') w
       WHERE w <> '' LIMIT {MOST_WORDS}) s);
  mark text;
  needles tsquery[];
BEGIN
  IF words IS NULL OR cardinality(marks) = 0 THEN
    RETURN '{{}}';
  END IF;
  needles := ARRAY[(SELECT string_agg(quote_literal(tag || marks[1] || w), ' & ')
                      FROM unnest(words) w)::tsquery];
  FOREACH mark IN ARRAY marks LOOP
    needles := needles || (SELECT string_agg(quote_literal(tag || mark || w) || ':*',
                                             ' & ') FROM unnest(words) w)::tsquery;
  END LOOP;
  IF cardinality(marks) > 1 AND cardinality(words) > 1 THEN
    needles := needles || (SELECT string_agg('(' || (
        SELECT string_agg(quote_literal(tag || m || w) || ':*', ' | ')
          FROM unnest(marks) m) || ')', ' & ') FROM unnest(words) w)::tsquery;
  END IF;
  RETURN needles;
END $$
""",
)
"""The functions that all searchable tables of a database share, in their order."""

BODY = """
DECLARE
  mine uuid := nullif(current_setting('insula.tenant', true), '')::uuid;
  fields text := concat({marks});
  room int := least(most, {MOST_FOUND});
  found uuid[] := '{{}}';
  needle tsquery;{declared}
BEGIN
  IF mine IS NULL OR room < 1 THEN
    RETURN;
  END IF;
  FOREACH needle IN ARRAY {NEEDLES}(mine, asked, fields) LOOP
    found := found || ARRAY(
      SELECT s.id FROM (
        SELECT c.id FROM {table} c
         WHERE c.tenant_id = mine{live} AND {words} @@ needle
         LIMIT {MOST_LOOKED_AT}) s
       WHERE s.id <> ALL (found)
       ORDER BY s.id DESC LIMIT room - cardinality(found));
    EXIT WHEN cardinality(found) >= room;
  END LOOP;{alike}
  RETURN QUERY SELECT unnest(found);
END """
ALIKE_BODY = """
  known := cardinality(found);
  IF known > 0 THEN
    steps := steps[1:2];
  END IF;
  IF known >= {FEW} OR length(plain) < 3 OR plain IS NULL OR fields = '' THEN
    steps := '{{}}';
  END IF;
  FOREACH step IN ARRAY steps LOOP
    PERFORM set_config('{THRESHOLD}', step::text, true);
    found := found || ARRAY(
      SELECT s.id FROM (
        SELECT c.id, {EXTENSIONS}.word_similarity(plain, {shown}) AS near
          FROM {table} c
         WHERE c.tenant_id = mine{live} AND {text} OPERATOR({EXTENSIONS}.%>) plain
         LIMIT {MOST_COMPARED}) s
       WHERE s.near >= step AND s.id <> ALL (found)
       ORDER BY s.near DESC, s.id DESC
       LIMIT least({MOST_ALIKE}, room - cardinality(found)));
    EXIT WHEN cardinality(found) > known;
  END LOOP;"""
# What is written like a number is another number.
PLAIN = """
  known int;
  step real;
  steps real[] := ARRAY[{VERY_ALIKE}, {QUITE_ALIKE}, {ALIKE}];
  plain text := (
    SELECT string_agg(w, ' ')
      FROM string_to_table({FOLD}(left(asked, {LONGEST_ASKED})), ' ') w
     WHERE w !~ '[0-9]');"""
ARGUMENTS = "asked text, hidden text[], most integer"
"""Never more or others: while a new version is rolled out, old code calls it too."""

NUMBERS = {
    "ALIKE": ALIKE,
    "EXTENSIONS": EXTENSIONS,
    "FEW": FEW,
    "FOLD": FOLD,
    "LONGEST_ASKED": LONGEST_ASKED,
    "LONGEST_TEXT": LONGEST_TEXT,
    "LONGEST_WORD": LONGEST_WORD,
    "MOST_ALIKE": MOST_ALIKE,
    "MOST_COMPARED": MOST_COMPARED,
    "MOST_FOUND": MOST_FOUND,
    "MOST_LOOKED_AT": MOST_LOOKED_AT,
    "MOST_WORDS": MOST_WORDS,
    "NEEDLES": NEEDLES,
    "QUITE_ALIKE": QUITE_ALIKE,
    "THRESHOLD": THRESHOLD,
    "VERY_ALIKE": VERY_ALIKE,
    "WORDS": WORDS,
}
"""What stands in the texts for which name."""


def common(collation: str) -> tuple[str, ...]:
    """The statements that make what all searchable tables of a database share."""
    said = {
        **NUMBERS,
        "folding": folding("given", collation),
        "plain": plain_folding("given"),
    }
    return tuple(it.format(**said) for it in COMMON)
