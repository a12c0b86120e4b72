"""The warehouse's dialect, word by word: each clause, operator and function with the value that it has there."""

import datetime
import decimal
import math

import beneath
import pytest

from server import SECRETS
from test_warehouse import refused, run, values
from grpc import StatusCode

UTC = datetime.timezone.utc
AT = datetime.datetime(2021, 3, 3, 10, 11, 12, 345000, UTC)
AT_SQL = "TIMESTAMP '2021-03-03 10:11:12.345'"
D = decimal.Decimal


def at(*parts):
    return datetime.datetime(*parts, tzinfo=UTC)


# expression -> its value
SCALARS = [
    # literals
    ("1", 1), ("-9223372036854775808", -2**63), ("0x1F", 31), ("1.5", 1.5), ("1e3", 1000.0), (".5", 0.5), ("'a\\nb'", "a\nb"), ('"it\'s"', "it's"),
    ("'''x'y'''", "x'y"), ("r'\\d'", "\\d"), ("b'\\x00a'", b"\0a"), ("TRUE", True), ("false", False), ("NULL", None), (AT_SQL, AT),
    ("TIMESTAMP '2021-03-03'", at(2021, 3, 3)), ("TIMESTAMP '2021-03-03T10:11:12+02:00'", at(2021, 3, 3, 8, 11, 12)),
    ("NUMERIC '12'", D(12)), ("[1, 2]", [1, 2]), ("STRUCT(1 AS a, 'x' AS b)", {"a": 1, "b": "x"}),
    # operators
    ("1 + 2 * 3", 7), ("7 - 10", -3), ("7 / 2", 3.5), ("6 / 3", 2.0), ("1 + 2.5", 3.5), ("2 * NUMERIC '3'", D(6)), ("-(3)", -3),
    ("1 = 1", True), ("1 != 1", False), ("1 <> 2", True), ("1 < 1.5", True), ("2 <= 2", True), ("3 > 2", True), ("'a' >= 'b'", False),
    ("TRUE AND NULL", None), ("FALSE AND NULL", False), ("TRUE OR NULL", True), ("NOT FALSE", True), ("NULL = NULL", None),
    ("5 BETWEEN 1 AND 5", True), ("5 NOT BETWEEN 1 AND 5", False), ("2 IN (1, 2, NULL)", True), ("3 IN (1, 2, NULL)", None), ("3 NOT IN (1, 2)", True),
    ("2 IN UNNEST([1, 2])", True), ("'abc' LIKE 'a%'", True), ("'ABC' LIKE 'a%'", False), ("'a_c' LIKE 'a\\\\_c'", True), ("'abc' NOT LIKE '_b_'", False),
    ("NULL IS NULL", True), ("1 IS NOT NULL", True), ("(1 > 2) IS FALSE", True), ("'a' || 'b' || 'c'", "abc"), ("[1] || [2]", [1, 2]),
    ("b'a' || b'b'", b"ab"), ("TIMESTAMP '2021-01-01' < '2021-01-02'", True), ("'2021-01-02' > TIMESTAMP '2021-01-01'", True),
    # conditions
    ("CASE WHEN 1 > 2 THEN 'a' WHEN TRUE THEN 'b' ELSE 'c' END", "b"), ("CASE 3 WHEN 1 THEN 'a' WHEN 3 THEN 'b' END", "b"), ("CASE 4 WHEN 1 THEN 1 END", None),
    ("IF(NULL, 1, 2)", 2), ("IF(TRUE, 1, 2.5)", 1.0), ("IFNULL(NULL, 3)", 3), ("COALESCE(NULL, NULL, 'x')", "x"), ("NULLIF(1, 1)", None), ("NULLIF(1, 2)", 1),
    # casts
    ("CAST('12' AS INT64)", 12), ("CAST(' 0x1f ' AS INT64)", 31), ("CAST('-0x1f' AS INT64)", -31), ("CAST(2.5 AS INT64)", 3), ("CAST(-2.5 AS INT64)", -3), ("CAST(TRUE AS INT64)", 1),
    ("CAST('1.5' AS FLOAT64)", 1.5), ("CAST('inf' AS FLOAT64)", math.inf), ("CAST(1 AS FLOAT64)", 1.0), ("CAST(1.0 AS STRING)", "1"), ("CAST(1.5 AS STRING)", "1.5"),
    ("CAST(TRUE AS STRING)", "true"), ("CAST(b'abc' AS STRING)", "abc"), ("CAST('abc' AS BYTES)", b"abc"), ("CAST('true' AS BOOL)", True), ("CAST(0 AS BOOL)", False),
    ("CAST('12' AS NUMERIC)", D(12)), ("CAST(NUMERIC '12' AS INT64)", 12), ("CAST('2021-03-03 10:11:12.345' AS TIMESTAMP)", AT),
    (f"CAST({AT_SQL} AS STRING)", "2021-03-03 10:11:12.345+00"), ("SAFE_CAST('x' AS INT64)", None), ("SAFE_CAST('x' AS TIMESTAMP)", None), ("SAFE_CAST('maybe' AS BOOL)", None),
    # numbers
    ("SAFE_DIVIDE(1, 0)", None), ("SAFE_DIVIDE(1, 4)", 0.25), ("DIV(7, 2)", 3), ("DIV(-7, 2)", -3), ("MOD(7, 3)", 1), ("MOD(-7, 3)", -1), ("ABS(-3)", 3), ("ABS(-1.5)", 1.5),
    ("ROUND(2.5)", 3.0), ("ROUND(-2.5)", -3.0), ("ROUND(1.2345, 2)", 1.23), ("ROUND(1234.5, -2)", 1200.0), ("FLOOR(-1.5)", -2.0), ("CEIL(1.2)", 2.0), ("CEILING(1.2)", 2.0),
    ("POW(2, 10)", 1024.0), ("POWER(2, -1)", 0.5), ("SQRT(9)", 3.0), ("LN(1)", 0.0), ("EXP(0)", 1.0), ("LOG10(100)", 2.0), ("LOG(8, 2)", 3.0), ("GREATEST(1, 3, 2)", 3),
    ("GREATEST(1, NULL)", None), ("LEAST(1.5, 2)", 1.5), ("SIGN(-2)", -1), ("SIGN(0.0)", 0.0), ("TRUNC(-1.7)", -1.0), ("IS_NAN(CAST('nan' AS FLOAT64))", True),
    # texts
    ("LOWER('ÄB')", "äb"), ("UPPER('äb')", "ÄB"), ("LENGTH('äb')", 2), ("LENGTH(b'abc')", 3), ("BYTE_LENGTH('ä')", 2), ("CONCAT('a', 'b', 'c')", "abc"), ("CONCAT('a', NULL)", None),
    ("SUBSTR('hello', 2)", "ello"), ("SUBSTR('hello', 2, 3)", "ell"), ("SUBSTR('hello', -3)", "llo"), ("SUBSTR('hello', 0, 2)", "he"), ("SUBSTR('hello', -9, 2)", "he"), ("SUBSTR('hello', 9)", ""),
    ("TRIM('  a ')", "a"), ("TRIM('xxaxx', 'x')", "a"), ("LTRIM(' a ')", "a "), ("RTRIM(' a ')", " a"), ("REPLACE('banana', 'an', 'x')", "bxxa"), ("STARTS_WITH('abc', 'ab')", True),
    ("ENDS_WITH('abc', 'ab')", False), ("STRPOS('banana', 'nan')", 3), ("STRPOS('banana', 'x')", 0), ("REGEXP_CONTAINS('abc123', r'\\d+')", True), ("REGEXP_CONTAINS('abc', '^b')", False),
    ("REGEXP_REPLACE('a1b2', r'\\d', 'x')", "axbx"), ("REGEXP_EXTRACT('a12', r'\\d+')", "12"), ("SPLIT('a,b', ',')", ["a", "b"]), ("REVERSE('abc')", "cba"), ("LPAD('a', 3, 'x')", "xxa"),
    ("TO_HEX(b'\\x00\\xff')", "00ff"), ("TO_BASE64(b'\\x00\\xff')", "AP8="), ("FROM_HEX('00ff')", b"\0\xff"), ("FROM_BASE64('AP8=')", b"\0\xff"),
    # times
    ("TIMESTAMP('2021-03-03 10:11:12.345')", AT), ("TIMESTAMP_MILLIS(1500)", at(1970, 1, 1, 0, 0, 1, 500000)), (f"UNIX_MILLIS({AT_SQL})", 1614766272345),
    (f"UNIX_SECONDS({AT_SQL})", 1614766272), ("UNIX_SECONDS(TIMESTAMP '1969-12-31 23:59:59.5')", -1),
    (f"TIMESTAMP_TRUNC({AT_SQL}, SECOND)", at(2021, 3, 3, 10, 11, 12)), (f"TIMESTAMP_TRUNC({AT_SQL}, MINUTE)", at(2021, 3, 3, 10, 11)), (f"TIMESTAMP_TRUNC({AT_SQL}, HOUR)", at(2021, 3, 3, 10)),
    (f"TIMESTAMP_TRUNC({AT_SQL}, DAY)", at(2021, 3, 3)), (f"TIMESTAMP_TRUNC({AT_SQL}, WEEK)", at(2021, 2, 28)), (f"TIMESTAMP_TRUNC({AT_SQL}, MONTH)", at(2021, 3, 1)),
    (f"TIMESTAMP_TRUNC({AT_SQL}, QUARTER)", at(2021, 1, 1)), (f"TIMESTAMP_TRUNC({AT_SQL}, YEAR)", at(2021, 1, 1)),
    (f"TIMESTAMP_ADD({AT_SQL}, INTERVAL 1 DAY)", AT + datetime.timedelta(days=1)), (f"TIMESTAMP_SUB({AT_SQL}, INTERVAL 90 SECOND)", AT - datetime.timedelta(seconds=90)),
    (f"TIMESTAMP_ADD({AT_SQL}, INTERVAL 250 MILLISECOND)", AT + datetime.timedelta(milliseconds=250)), (f"TIMESTAMP_DIFF({AT_SQL}, TIMESTAMP '2021-03-01', DAY)", 2),
    (f"TIMESTAMP_DIFF(TIMESTAMP '2021-03-01', {AT_SQL}, HOUR)", -58), (f"TIMESTAMP_DIFF({AT_SQL}, TIMESTAMP '2021-03-03 10:11:12', MILLISECOND)", 345),
    *[(f"EXTRACT({part} FROM {AT_SQL})", value) for part, value in dict(
        YEAR=2021, QUARTER=1, MONTH=3, WEEK=9, DAY=3, DAYOFYEAR=62, DAYOFWEEK=4, HOUR=10, MINUTE=11, SECOND=12, MILLISECOND=345).items()],
    (f"FORMAT_TIMESTAMP('%Y-%m-%d %H:%M:%S', {AT_SQL})", "2021-03-03 10:11:12"), (f"FORMAT_TIMESTAMP('%F|%T|%j|%a|%B', {AT_SQL})", "2021-03-03|10:11:12|062|Wed|March"),
    ("CURRENT_TIMESTAMP() > TIMESTAMP '2021-01-01'", True), ("PARSE_TIMESTAMP('%Y-%m-%d', '2021-03-03')", at(2021, 3, 3)),
    # arrays and structs
    ("[5, 6, 7][OFFSET(1)]", 6), ("[5, 6, 7][ORDINAL(1)]", 5), ("[5][SAFE_OFFSET(3)]", None), ("ARRAY_LENGTH([1, 2])", 2), ("GENERATE_ARRAY(1, 7, 3)", [1, 4, 7]), ("GENERATE_ARRAY(3, 1)", []),
    ("STRUCT(1 AS a, STRUCT('x' AS c) AS b).b.c", "x"), ("ARRAY(SELECT x * 2 FROM UNNEST([1, 2]) AS x ORDER BY x)", [2, 4]), ("ARRAY_TO_STRING(['a', 'b'], '-')", "a-b"),
    ("(SELECT MAX(x) FROM UNNEST([1, 5, 3]) AS x)", 5), ("EXISTS (SELECT 1 FROM UNNEST([1]) AS x WHERE x > 1)", False), ("2 IN (SELECT x FROM UNNEST([1, 2]) AS x)", True),
]

ROWS = "(SELECT 1 AS k, 'a' AS g, 10 AS x, 1.5 AS f UNION ALL SELECT 2, 'a', 20, 2.5 UNION ALL SELECT 3, 'b', 30, 4.0 UNION ALL SELECT 4, 'b', NULL, NULL)"
# statement -> its rows
STATEMENTS = [
    (f"SELECT DISTINCT g FROM {ROWS} ORDER BY g", [("a",), ("b",)]), (f"SELECT t.* FROM {ROWS} AS t WHERE k = 1", [(1, "a", 10, 1.5)]),
    (f"SELECT k, g, FROM {ROWS} WHERE k = 1", [(1, "a")]), (f"SELECT * FROM {ROWS} ORDER BY k LIMIT 1 OFFSET 2", [(3, "b", 30, 4.0)]),
    (f"SELECT * EXCEPT (x, f) FROM {ROWS} WHERE k = 2", [(2, "a")]), (f"SELECT * REPLACE (k * 10 AS k) FROM {ROWS} WHERE k = 2", [(20, "a", 20, 2.5)]),
    (f"SELECT g, COUNT(*) AS n, COUNT(x) AS c, SUM(x) AS s, AVG(x) AS a, MIN(x) AS lo, MAX(x) AS hi FROM {ROWS} GROUP BY g ORDER BY g",
     [("a", 2, 2, 30, 15.0, 10, 20), ("b", 2, 1, 30, 30.0, 30, 30)]),
    (f"SELECT k > 2 AS big, COUNT(*) AS n FROM {ROWS} GROUP BY big ORDER BY 1", [(False, 2), (True, 2)]), (f"SELECT g FROM {ROWS} GROUP BY 1 HAVING SUM(x) > 20 AND COUNT(x) = 2", [("a",)]),
    (f"SELECT COUNT(DISTINCT g), COUNTIF(x > 10), ANY_VALUE(g) IN ('a', 'b') FROM {ROWS}", [(2, 2, True)]),
    (f"SELECT STRING_AGG(g ORDER BY k), STRING_AGG(DISTINCT g, '+' ORDER BY g), STRING_AGG(g, '' ORDER BY k DESC LIMIT 2) FROM {ROWS}", [("a,a,b,b", "a+b", "bb")]),
    (f"SELECT ARRAY_AGG(k ORDER BY k DESC LIMIT 2), ARRAY_AGG(DISTINCT g ORDER BY g), ARRAY_AGG(x IGNORE NULLS ORDER BY x) FROM {ROWS}", [([4, 3], ["a", "b"], [10, 20, 30])]),
    (f"SELECT COUNT(*), SUM(x), AVG(x), STRING_AGG(g), COUNTIF(TRUE) FROM {ROWS} WHERE FALSE", [(0, None, None, None, 0)]),
    (f"SELECT x FROM {ROWS} ORDER BY x", [(None,), (10,), (20,), (30,)]), (f"SELECT x FROM {ROWS} ORDER BY x DESC", [(30,), (20,), (10,), (None,)]),
    (f"SELECT x FROM {ROWS} ORDER BY x ASC NULLS LAST LIMIT 1", [(10,)]), (f"SELECT k AS kk FROM {ROWS} ORDER BY kk DESC LIMIT 1", [(4,)]), (f"SELECT g, k FROM {ROWS} ORDER BY 1 DESC, 2 LIMIT 1", [("b", 3)]),
    (f"SELECT a.k, b.k AS other FROM {ROWS} a, {ROWS} b WHERE a.k + 1 = b.k ORDER BY 1", [(1, 2), (2, 3), (3, 4)]),
    (f"SELECT a.k FROM {ROWS} a INNER JOIN (SELECT 3 AS k) b USING (k)", [(3,)]), (f"SELECT k, y FROM {ROWS} a LEFT OUTER JOIN (SELECT 3 AS k, 'y' AS y) b USING (k) WHERE k > 2 ORDER BY k", [(3, "y"), (4, None)]),
    (f"SELECT k, a.g FROM {ROWS} a RIGHT JOIN (SELECT 9 AS k) b USING (k)", [(9, None)]), (f"SELECT k FROM {ROWS} a FULL OUTER JOIN (SELECT 9 AS k) b USING (k) ORDER BY k", [(1,), (2,), (3,), (4,), (9,)]),
    (f"SELECT a.k FROM {ROWS} a JOIN {ROWS} b ON a.k = b.k AND b.x = 30", [(3,)]), ("SELECT a, b FROM (SELECT 1 AS a) CROSS JOIN (SELECT 2 AS b)", [(1, 2)]),
    (f"WITH a AS (SELECT k FROM {ROWS}), b AS (SELECT k * 2 AS k FROM a) SELECT SUM(k) FROM b", [(20,)]), ("SELECT 1 AS x UNION ALL SELECT 1 UNION ALL SELECT 2 ORDER BY x", [(1,), (1,), (2,)]),
    ("SELECT 1 AS x UNION DISTINCT SELECT 1 ORDER BY x", [(1,)]), ("(SELECT 1 AS x UNION ALL SELECT 2) INTERSECT DISTINCT SELECT 2", [(2,)]), ("SELECT 1 AS x EXCEPT DISTINCT SELECT 2", [(1,)]),
    (f"SELECT k FROM {ROWS} t WHERE x = (SELECT MAX(u.x) FROM {ROWS} u WHERE u.g = t.g) ORDER BY k", [(2,), (3,)]), (f"SELECT k FROM {ROWS} WHERE g IN (SELECT 'b') ORDER BY k", [(3,), (4,)]),
    (f"SELECT k FROM {ROWS} t WHERE NOT EXISTS (SELECT 1 FROM {ROWS} u WHERE u.k > t.k)", [(4,)]),
    (f"SELECT t FROM (SELECT k, g FROM {ROWS}) t WHERE k = 1", [({"k": 1, "g": "a"},)]), (f"SELECT r.* FROM (SELECT ARRAY_AGG(t ORDER BY k DESC LIMIT 1)[OFFSET(0)] AS r FROM {ROWS} t GROUP BY g) ORDER BY k",
                                                                                         [(2, "a", 20, 2.5), (4, "b", None, None)]),
    (f"SELECT k, ROW_NUMBER() OVER (PARTITION BY g ORDER BY k DESC) AS n FROM {ROWS} ORDER BY k", [(1, 2), (2, 1), (3, 2), (4, 1)]),
    (f"SELECT k, RANK() OVER (ORDER BY g) AS r, DENSE_RANK() OVER (ORDER BY g) AS d FROM {ROWS} ORDER BY k", [(1, 1, 1), (2, 1, 1), (3, 3, 2), (4, 3, 2)]),
    (f"SELECT k, LAG(k) OVER (ORDER BY k) AS a, LEAD(k, 2, 0) OVER (ORDER BY k) AS b FROM {ROWS} ORDER BY k", [(1, None, 3), (2, 1, 4), (3, 2, 0), (4, 3, 0)]),
    (f"SELECT k, SUM(x) OVER (ORDER BY k) AS s, COUNT(*) OVER (PARTITION BY g) AS c, AVG(f) OVER () AS a, MIN(x) OVER (PARTITION BY g) AS lo, MAX(x) OVER (PARTITION BY g ORDER BY k "
     f"ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS hi FROM {ROWS} ORDER BY k", [(1, 10, 2, 8 / 3, 10, 10), (2, 30, 2, 8 / 3, 10, 20), (3, 60, 2, 8 / 3, 30, 30), (4, 60, 2, 8 / 3, 30, 30)]),
    (f"SELECT k FROM {ROWS} WHERE TRUE QUALIFY ROW_NUMBER() OVER (PARTITION BY g ORDER BY k) = 1 ORDER BY k", [(1,), (3,)]),
    ("SELECT x, o FROM UNNEST(['a', 'b']) AS x WITH OFFSET AS o ORDER BY o", [("a", 0), ("b", 1)]), ("SELECT s.a FROM UNNEST([STRUCT(1 AS a), STRUCT(2 AS a)]) AS s ORDER BY a", [(1,), (2,)]),
    (f"SELECT APPROX_COUNT_DISTINCT(g), ARRAY_LENGTH(APPROX_QUANTILES(k, 2)) FROM {ROWS}", [(2, 3)]), (f"SELECT STDDEV(k), VARIANCE(k), CORR(k, x) FROM {ROWS}", [(1.2909944487358056, 5 / 3, 1.0)]),
    # windows by name, groups of several kinds, recursion
    (f"SELECT k, SUM(x) OVER w AS s FROM {ROWS} WINDOW w AS (PARTITION BY g ORDER BY k) ORDER BY k", [(1, 10), (2, 30), (3, 30), (4, 30)]),
    (f"SELECT k, COUNT(*) OVER (w ORDER BY k DESC) AS n FROM {ROWS} WINDOW w AS (PARTITION BY g) ORDER BY k", [(1, 2), (2, 1), (3, 2), (4, 1)]),
    (f"SELECT k, SUM(x) OVER b AS s FROM {ROWS} WINDOW a AS (PARTITION BY g), b AS (a ORDER BY k) ORDER BY k", [(1, 10), (2, 30), (3, 30), (4, 30)]),
    (f"SELECT g, SUM(x) AS s FROM {ROWS} GROUP BY ROLLUP(g) ORDER BY g", [(None, 60), ("a", 30), ("b", 30)]),
    (f"SELECT g, k > 2 AS big, COUNT(*) AS n FROM {ROWS} GROUP BY CUBE(g, big) ORDER BY g, big",
     [(None, None, 4), (None, False, 2), (None, True, 2), ("a", None, 2), ("a", False, 2), ("b", None, 2), ("b", True, 2)]),
    (f"SELECT g, k, COUNT(*) AS n FROM {ROWS} WHERE k > 2 GROUP BY GROUPING SETS (g, (g, k), ()) ORDER BY g, k", [(None, None, 2), ("b", None, 2), ("b", 3, 1), ("b", 4, 1)]),
    (f"SELECT g, COUNT(*) AS n FROM {ROWS} GROUP BY ALL ORDER BY g", [("a", 2), ("b", 2)]), (f"SELECT g, GROUPING(g) AS t, COUNT(*) AS n FROM {ROWS} GROUP BY ROLLUP(1) ORDER BY t, g", [("a", 0, 2), ("b", 0, 2), (None, 1, 4)]),
    ("WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT SUM(n), COUNT(*) FROM t", [(15, 5)]),
    ("WITH RECURSIVE a AS (SELECT 1 AS x), t AS (SELECT x AS n, 'x' AS s FROM a UNION ALL SELECT n * 2, s || 'x' FROM t WHERE n < 8) SELECT n, s FROM t ORDER BY n",
     [(1, "x"), (2, "xx"), (4, "xxx"), (8, "xxxx")]),
    ("WITH RECURSIVE e AS (SELECT 1 AS a, 2 AS b UNION ALL SELECT 2, 3 UNION ALL SELECT 3, 1), r AS (SELECT 1 AS n UNION DISTINCT SELECT b FROM r JOIN e ON a = n) SELECT n FROM r ORDER BY n",
     [(1,), (2,), (3,)]),
]


@pytest.fixture
def asks(server):
    return beneath.Client(secret=SECRETS["ada"])


def same(found, wanted):
    if isinstance(wanted, float) and isinstance(found, float):
        return found == wanted or abs(found - wanted) < 1e-12 * max(1, abs(wanted))
    return type(found) is type(wanted) and found == wanted


async def test_each_expression(asks):
    """Together in statements of some, and alone where a statement fails, so that it is known which."""
    wrong = []
    for first in range(0, len(SCALARS), 20):
        part = SCALARS[first:first + 20]
        sql = "SELECT " + ", ".join(f"{text} AS c{i}" for i, (text, _) in enumerate(part))
        try:
            [row] = await values(asks, sql)
        except Exception:
            row = None
        for i, (text, wanted) in enumerate(part):
            try:
                found = row[i] if row is not None else (await values(asks, f"SELECT {text} AS c"))[0][0]
            except Exception as error:
                found = error
            if not same(found, wanted):
                wrong.append(f"{text}: {found!r} instead of {wanted!r}")
    assert not wrong, "\n".join(wrong)


async def test_each_clause(asks):
    wrong = []
    for sql, wanted in STATEMENTS:
        try:
            found = await values(asks, sql)
        except Exception as error:
            found = error
        fits = not isinstance(found, Exception) and len(found) == len(wanted) and all(
            len(a) == len(b) and all(map(same, a, b)) for a, b in zip(found, wanted))
        if not fits:
            wrong.append(f"{sql}: {found!r} instead of {wanted!r}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("sql, text", [
    ("SELECT 1 / 0", "division by zero"), ("SELECT MOD(1, 0)", "division by zero"), ("SELECT DIV(1, 0)", "division by zero"), ("SELECT CAST('x' AS INT64)", "INT64"),
    ("SELECT 9223372036854775807 + 1", ""), ("SELECT SUM(x) FROM UNNEST([9223372036854775807, 1]) AS x", "out of range"), ("SELECT [1][OFFSET(1)]", "out of bounds"),
    ("SELECT CAST('2021-13-01' AS TIMESTAMP)", ""), ("SELECT ARRAY(SELECT IF(x = 1, NULL, x) FROM UNNEST([1, 2]) AS x) AS a", "null"), ("SELECT (SELECT x FROM UNNEST([1, 2]) AS x)", ""),
    ("WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT COUNT(*) FROM t", ""),
])
async def test_errors_while_running(asks, sql, text):
    with pytest.raises(Exception, match="warehouse query error") as raised:
        await run(asks, sql, timeout_ms=2000)
    assert text.lower() in str(raised.value).lower()


@pytest.mark.parametrize("sql, text", [
    ("SELECT SUM(1) OVER w", "window"), ("SELECT SUM(1) OVER (w) FROM UNNEST([1]) WINDOW w AS (w)", "window"), ("SELECT 1 FROM UNNEST([1]) WINDOW w AS (ORDER BY 1), w AS ()", "twice"),
    ("WITH RECURSIVE t AS (SELECT n FROM t) SELECT n FROM t", "recursive"), ("WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT 'x' FROM t) SELECT n FROM t", "incompatible"),
    ("WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT 1, 2 FROM t) SELECT n FROM t", "column count"), ("SELECT g FROM (SELECT 1 AS g, 2 AS h) GROUP BY ROLLUP(h)", ""),
    ("SELECT * FROM (SELECT 1 AS a) PIVOT (SUM(a) FOR a IN (1))", ""), ("SELECT AS VALUE 1", "VALUE"), ("SELECT DATE '2021-01-01'", "DATE"), ("SELECT CURRENT_DATE()", "DATE"),
    ("CREATE TEMP FUNCTION f() AS (1); SELECT f()", ""), ("SELECT TIMESTAMP_TRUNC(TIMESTAMP '2021-01-01', CENTURY)", ""), ("SELECT EXTRACT(EPOCH FROM TIMESTAMP '2021-01-01')", ""),
    ("SELECT 1 AS `A b`", "invalid column name"), ("SELECT 1 AS a, 2 AS a", "duplicate"), ("SELECT INTERVAL 1 DAY AS i", "INTERVAL"), ("SELECT [[1]] AS a", "array"),
])
async def test_refusals(asks, sql, text):
    await refused(asks, sql, StatusCode.INVALID_ARGUMENT, "error during query analysis", text)
