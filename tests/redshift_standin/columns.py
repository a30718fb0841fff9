"""The columns that a COPY loads, as Redshift understands their types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from redshift_standin.statements import Backend, BackendError

_UNBOUNDED = {"varchar": 256, "bpchar": 1}
_SQL_NAMES = {
    "int2": "SMALLINT",
    "int4": "INTEGER",
    "int8": "BIGINT",
    "float4": "REAL",
    "float8": "DOUBLE PRECISION",
    "bool": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMPTZ",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        type: PostgreSQL's name of it, `varchar` for `text`.
        length: Most bytes of a `varchar` or `bpchar`; as Redshift defaults it where none was declared. None for other types.
        precision, scale: Of a `numeric`; None for other types.
    """

    name: str
    type: str
    is_nullable: bool
    length: int | None = None
    precision: int | None = None
    scale: int | None = None

    @property
    def is_character(self) -> bool:
        """Whether Redshift treats its blank and empty fields as text."""
        return self.length is not None

    @property
    def sql_type(self) -> str:
        """As Redshift writes the type in a message."""
        if self.length is not None:
            return f"{'CHAR' if self.type == 'bpchar' else 'VARCHAR'}({self.length})"
        return f"DECIMAL({self.precision}, {self.scale})" if self.type == "numeric" else _SQL_NAMES.get(self.type, self.type.upper())

    @property
    def log_type(self) -> str:
        """As stl_load_errors names the type."""
        return "char" if self.type == "bpchar" else self.type

    @property
    def log_length(self) -> str:
        """As stl_load_errors shows the length; empty where the type has none."""
        if self.type == "numeric":
            return f"{self.precision},{self.scale}"
        return "" if self.length is None else str(self.length)


def quoted(name: str) -> str:
    """An identifier with its schema, for PostgreSQL; folded to lower case, quoted or not, as Redshift folds it.

    >>> quoted('Raw."Orders"'), quoted("#orders")
    ('"raw"."orders"', '"#orders"')
    """
    return ".".join(f'"{part.strip(chr(34)).lower()}"' for part in name.split("."))


def loaded_columns(backend: Backend, table: str, names: Sequence[str]) -> tuple[int, list[Column]]:
    """The table's id, and its columns in the order in which a COPY fills them.

    Raises:
        BackendError: There is no such table.
    """
    try:
        ((table_id,),) = backend.query("select $1::text::regclass::oid", [quoted(table)])
    except BackendError as error:
        if error.fields.get("C") in ("42P01", "3F000"):
            raise BackendError({"S": "ERROR", "C": "XX000", "M": f"Cannot COPY into nonexistent table {table}"}) from error
        raise
    rows = backend.query(
        "select a.attname, t.typname, a.atttypmod, a.attnotnull from pg_attribute a join pg_type t on t.oid = a.atttypid "
        "where a.attrelid = $1::oid and a.attnum > 0 and not a.attisdropped order by a.attnum",
        [table_id],
    )
    found = {str(row[0]): describe(str(row[0]), str(row[1]), int(row[2] or -1), is_nullable=row[3] != "t") for row in rows}
    wanted = [quoted(name).strip('"') for name in names] or list(found)
    # A name that is not there is left to PostgreSQL, which refuses the COPY before it asks for a row.
    return int(table_id or 0), [found[name] for name in wanted if name in found]


def describe(name: str, type_name: str, modifier: int, *, is_nullable: bool = True) -> Column:
    """A column by its entry in pg_attribute."""
    kind = "varchar" if type_name == "text" else type_name
    if kind in _UNBOUNDED:
        return Column(name, kind, is_nullable, length=modifier - 4 if modifier > 0 else _UNBOUNDED[kind])
    if kind == "numeric":
        packed = modifier - 4
        precision, scale = (packed >> 16 & 0xFFFF, packed & 0x7FF) if modifier > 0 else (18, 0)
        return Column(name, kind, is_nullable, precision=precision, scale=scale)
    return Column(name, kind, is_nullable)
