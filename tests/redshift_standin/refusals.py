"""What Redshift refuses and PostgreSQL would take: each rule with the reason as AWS documents it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sqlglot import exp

from redshift_standin.source_text import names
from redshift_standin.statements import Refused

_SORTED_AGGREGATES = (exp.GroupConcat, exp.Median, exp.PercentileCont)
_AGGREGATE_WINDOWS = (
    exp.Avg,
    exp.Count,
    exp.FirstValue,
    exp.LastValue,
    exp.LogicalAnd,
    exp.LogicalOr,
    exp.Max,
    exp.Min,
    exp.NthValue,
    exp.Stddev,
    exp.StddevPop,
    exp.StddevSamp,
    exp.Sum,
    exp.Variance,
    exp.VariancePop,
)
_CATALOG_SCHEMAS = frozenset({"pg_catalog", "information_schema"})
_CATALOG_PREFIXES = ("pg_", "svv_", "stl_", "stv_", "sys_", "svl_", "svcs_")


def is_catalog_query(tree: exp.Expr) -> bool:
    """Whether a statement reads the system's catalog and nothing else; such a one runs on Redshift's leader node."""
    tables = list(_tables(tree))
    return bool(tables) and all(_is_catalog(table) for table in tables)


# AWS' "Reserved words", without those that PostgreSQL reserves as well and those that stand for types and functions.
RESERVED = names(
    """aes128 aes256 allowoverwrite backup blanksasnull bytedict bzip2 credentials defrag delta delta32k emptyasnull encode encrypt
    encryption explicit globaldict256 globaldict64k gzip lun luns lzo lzop minus mostly16 mostly32 mostly8 offline percent permissions
    raw readratio recover rejectlog resort restore tdes text255 text32k truncatecolumns wallet"""
)


def refuse_unsupported(tree: exp.Expr, *, is_catalog: bool) -> None:
    """Raise for the first thing in a statement that Redshift does not do.

    Raises:
        Refused: The message names what it is.
    """
    statement = _Statement(tree)
    for rule in _RULES if is_catalog else (*_RULES, _arrays):
        for message in rule(statement):
            raise Refused(message)


def refuse_unqualified(tree: exp.Expr) -> None:
    """Raise for a relation without its schema, which a late-binding view may not name.

    Raises:
        Refused: There is one.
    """
    if any(not table.db for table in _tables(tree)):
        raise Refused("All the relation names inside should be qualified when creating VIEW WITH NO SCHEMA BINDING.")


class _Statement:
    """A statement's nodes, walked once for all rules."""

    def __init__(self, tree: exp.Expr) -> None:
        self.tree = tree
        self._nodes = list(tree.walk())

    def all(self, *kinds: type) -> Iterator[Any]:
        """The nodes of these kinds."""
        return (node for node in self._nodes if isinstance(node, kinds))

    def has(self, *kinds: type) -> bool:
        """Whether there is a node of one of these kinds."""
        return any(True for _ in self.all(*kinds))


def _filter_clause(statement: _Statement) -> Iterator[str]:
    for _ in statement.all(exp.Filter):
        yield "FILTER (WHERE …) of an aggregate is not supported on Redshift; use CASE within the aggregate"


def _distinct_on(statement: _Statement) -> Iterator[str]:
    for distinct in statement.all(exp.Distinct):
        if distinct.args.get("on"):
            yield "SELECT DISTINCT ON is not supported on Redshift; use QUALIFY ROW_NUMBER() OVER (…) = 1"


def _postgres_writes(statement: _Statement) -> Iterator[str]:
    if statement.has(exp.OnConflict):
        yield "INSERT … ON CONFLICT is not supported on Redshift; use MERGE"
    if statement.has(exp.Returning):
        yield "RETURNING is not supported on Redshift"
    if isinstance(statement.tree, exp.Insert) and statement.tree.args.get("with_"):
        yield "WITH before INSERT is not supported on Redshift; put it behind INSERT INTO"
    for cte in statement.all(exp.CTE):
        if isinstance(cte.this, (exp.Insert, exp.Update, exp.Delete)):
            yield "a statement that changes rows is not supported within WITH on Redshift"
    if isinstance(statement.tree, exp.Delete) and isinstance(statement.tree.this, exp.Table) and statement.tree.this.alias:
        yield "the table of DELETE takes no alias on Redshift"
    if isinstance(statement.tree, exp.Merge) and isinstance(statement.tree.this, exp.Table) and statement.tree.this.alias:
        yield "the target of MERGE takes no alias on Redshift"


def _reserved_names(statement: _Statement) -> Iterator[str]:
    for identifier in statement.all(exp.Identifier):
        if not identifier.quoted and identifier.this.lower() in RESERVED:
            yield f'syntax error at or near "{identifier.this}": it is a reserved word of Redshift; quote it or take another name'


def _laterals(statement: _Statement) -> Iterator[str]:
    if statement.has(exp.Lateral):
        yield "LATERAL joins are not supported on Redshift"


def _relations_of_values(statement: _Statement) -> Iterator[str]:
    for values in statement.all(exp.Values):
        if not isinstance(values.parent, exp.Insert):
            yield "VALUES stands only in INSERT on Redshift; use SELECT … UNION ALL SELECT …"


def _set_operations(statement: _Statement) -> Iterator[str]:
    for operation in statement.all(exp.Intersect, exp.Except):
        if operation.args.get("distinct") is False:
            yield f"{operation.key.upper()} ALL is not supported on Redshift"


def _clauses(statement: _Statement) -> Iterator[str]:
    for select in statement.all(exp.Select):
        if select.args.get("locks"):
            yield "SELECT … FOR UPDATE is not supported on Redshift; use LOCK"
        if isinstance(select.args.get("limit"), exp.Fetch):
            yield "FETCH FIRST is not documented for Redshift; use LIMIT"
        if select.args.get("windows"):
            yield "named windows (WINDOW … AS) are not supported on Redshift; repeat the window in OVER"
    if statement.has(exp.TableSample):
        yield "TABLESAMPLE is not supported on Redshift"
    if statement.has(exp.NullSafeEQ, exp.NullSafeNEQ):
        yield "IS [NOT] DISTINCT FROM is not documented for Redshift; compare, and test for NULL"


def _window_frames(statement: _Statement) -> Iterator[str]:
    for window in statement.all(exp.Window):
        frame = window.args.get("spec")
        function = window.this.this if isinstance(window.this, (exp.IgnoreNulls, exp.RespectNulls)) else window.this
        if frame is not None and (frame.args.get("kind") or "ROWS").upper() != "ROWS":
            yield f"window frames of {frame.args['kind'].upper()} are not supported on Redshift; use ROWS"
        if window.args.get("order") and frame is None and isinstance(function, _AGGREGATE_WINDOWS):
            yield "Aggregate window functions with an ORDER BY clause require a frame clause"


def _sorted_aggregates(statement: _Statement) -> Iterator[str]:
    for select in statement.all(exp.Select):
        own = [node for node in _of_select(select) if isinstance(node, _SORTED_AGGREGATES)]
        if not own:
            continue
        if not list(_tables(statement.tree)):
            yield (
                "One or more of the used functions must be applied on at least one user created tables. "
                "Examples of user table only functions are LISTAGG, MEDIAN, PERCENTILE_CONT, etc"
            )
        if len({_order_of(node) for node in own}) > 1:
            yield "within group ORDER BY clauses for aggregate functions must be the same"
        others = [node for node in _of_select(select) if isinstance(node, exp.AggFunc) and node not in own]
        if any(isinstance(node.this, exp.Distinct) for node in others):
            yield "LISTAGG, MEDIAN and PERCENTILE_CONT are not supported beside a DISTINCT aggregate in one SELECT on Redshift"


def _correlations(statement: _Statement) -> Iterator[str]:
    for column in statement.all(exp.Column):
        selects = _enclosing_selects(column)
        level = next((depth for depth, select in enumerate(selects) if column.table.lower() in _sources(select)), 0) if column.table else 0
        if level > 1:
            yield f"This type of correlated subquery pattern is not supported yet: {column.sql()} refers to a query two blocks above"
        if level == 1:
            join = selects[0].find_ancestor(exp.Join, exp.Select)
            if isinstance(join, exp.Join) and join.side in ("LEFT", "RIGHT", "FULL"):
                yield f"This type of correlated subquery pattern is not supported yet: {column.sql()} in the ON of an outer join"


def _arrays(statement: _Statement) -> Iterator[str]:
    of_a_query = [each for each in statement.all(exp.Any) if each.find(exp.Query)]
    if statement.has(exp.Array, exp.Bracket) or len(of_a_query) < len(list(statement.all(exp.Any))):
        yield "arrays are not supported on Redshift"


_RULES: tuple[Callable[[_Statement], Iterator[str]], ...] = (
    _filter_clause,
    _distinct_on,
    _postgres_writes,
    _reserved_names,
    _laterals,
    _relations_of_values,
    _set_operations,
    _clauses,
    _window_frames,
    _sorted_aggregates,
    _correlations,
)


def _tables(tree: exp.Expr) -> Iterator[exp.Table]:
    """The tables that a statement names, without those of its own WITH."""
    named = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        if isinstance(table.this, exp.Identifier) and (table.db or table.name.lower() not in named):
            yield table


def _is_catalog(table: exp.Table) -> bool:
    return table.db.lower() in _CATALOG_SCHEMAS or (not table.db and table.name.lower().startswith(_CATALOG_PREFIXES))


def _of_select(select: exp.Select) -> Iterator[exp.Expr]:
    """The expressions of one SELECT without those of the queries below it."""
    for part in (*select.expressions, select.args.get("having"), select.args.get("order"), select.args.get("qualify")):
        if part is not None:
            yield from part.walk(prune=lambda node: isinstance(node, exp.Query))


def _order_of(aggregate: exp.Expr) -> str:
    if isinstance(aggregate, exp.Median):
        return str(aggregate.this.sql())
    order = aggregate.parent.expression if isinstance(aggregate.parent, exp.WithinGroup) else aggregate.find(exp.Order)
    return ", ".join(key.this.sql() + (" DESC" if key.args.get("desc") else "") for key in order.expressions) if order else ""


def _enclosing_selects(node: exp.Expr) -> list[exp.Select]:
    selects: list[exp.Select] = []
    above = node.find_ancestor(exp.Select)
    while above is not None:
        selects.append(above)
        above = above.find_ancestor(exp.Select)
    return selects


def _sources(select: exp.Select) -> set[str]:
    origins = [select.args.get("from_"), *(select.args.get("joins") or [])]
    return {origin.this.alias_or_name.lower() for origin in origins if origin is not None}
