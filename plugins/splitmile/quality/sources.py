"""Where Great Expectations looks at a batch: in a pandas frame on DuckDB, in the warehouse itself on Redshift.

On Redshift each batch becomes one temporary table, every check is a query of it, and no row leaves the warehouse but the samples of a
failed check and the one row of a summary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import pandas as pd

from splitmile.errors import WarehouseError
from splitmile.quality.batches import Batch
from splitmile.warehouse import Row, Warehouse

if TYPE_CHECKING:
    from great_expectations.data_context import EphemeralDataContext

NAME = "splitmile"
"""Of the data source; Great Expectations makes the addresses of its pages of it."""


class BatchSource(Protocol):
    """Batches, one at a time, in the form that a suite is run on."""

    def open(self, batch: Batch) -> AbstractContextManager[tuple[Any, dict[str, Any] | None]]:
        """Great Expectations' definition of a batch, and the parameters to run it with; it is the current batch meanwhile.

        Raises:
            WarehouseError: The warehouse refused the batch's query, or was lost.
        """

    def result_options(self, batch: Batch) -> dict[str, Any]:
        """What a result needs so that its samples can be found."""

    def samples(self, result: Mapping[str, Any]) -> Sequence[Row]:
        """Some rows of the current batch that break a rule: their keys and the columns that the rule looks at, perhaps more."""

    def only_row(self) -> Row:
        """The row of the current batch, which has no other."""


@contextmanager
def open_source(context: EphemeralDataContext, warehouse: Warehouse) -> Iterator[BatchSource]:
    """The source that fits the engine; no session of its own remains.

    Raises:
        WarehouseError: Great Expectations cannot log in.
    """
    if warehouse.sqlalchemy_url is None:
        yield FrameSource(context, warehouse)
        return
    source = QuerySource(context, warehouse.sqlalchemy_url, warehouse.session_statements)
    try:
        yield source
    finally:
        source.close()


class FrameSource:
    """Batches as pandas frames, of which one is in memory at a time."""

    def __init__(self, context: EphemeralDataContext, warehouse: Warehouse) -> None:
        """Add the data source to an empty context."""
        self._warehouse = warehouse
        self._data = context.data_sources.add_pandas(NAME)
        self._frame = pd.DataFrame()

    @contextmanager
    def open(self, batch: Batch) -> Iterator[tuple[Any, dict[str, Any]]]:
        """See `BatchSource.open`."""
        self._frame = self._warehouse.fetch_frame(batch.query)
        yield self._data.add_dataframe_asset(batch.name).add_batch_definition_whole_dataframe("date"), {"dataframe": self._frame}

    def result_options(self, batch: Batch) -> dict[str, Any]:  # noqa: ARG002 (samples come with their positions, which cost nothing)
        """See `BatchSource.result_options`."""
        return {}

    def samples(self, result: Mapping[str, Any]) -> Sequence[Row]:
        """See `BatchSource.samples`."""
        return [self._row(position) for position in result["partial_unexpected_index_list"]]

    def only_row(self) -> Row:
        """See `BatchSource.only_row`."""
        return self._row(0)

    def _row(self, position: int) -> Row:
        return {str(column): value for column, value in self._frame.iloc[position].items()}


class QuerySource:
    """Batches as temporary tables of one session, which SQLAlchemy holds."""

    def __init__(self, context: EphemeralDataContext, sqlalchemy_url: str, session_statements: Sequence[str]) -> None:
        """Add the data source to an empty context.

        Args:
            context: The context.
            sqlalchemy_url: Where to log in, as `redshift+psycopg2`.
            session_statements: What the session begins with.

        Raises:
            WarehouseError: Great Expectations cannot log in.
        """
        from sqlalchemy import event

        try:
            # A temporary table is seen by its own session only, so there must be no second one.
            self._data = context.data_sources.add_redshift(
                NAME, connection_string=sqlalchemy_url, create_temp_table=True, kwargs={"pool_size": 1, "max_overflow": 0}
            )
        except ConnectionError as error:
            raise WarehouseError(f"Great Expectations cannot log in to Redshift: {_words(error.__cause__ or error)}") from error
        except ValueError:
            # The library's message shows the URL, password and all.
            raise WarehouseError(
                "Great Expectations cannot log in to Redshift: host, user or password has a character that it cannot take, such as a space."
            ) from None
        # That was one engine, to try the URL; the checks run on another one.
        self._data.get_engine().dispose()
        self._engine = self._data.get_execution_engine()
        event.listen(self._engine.engine, "connect", partial(_begin, session_statements))

    @contextmanager
    def open(self, batch: Batch) -> Iterator[tuple[Any, None]]:
        """See `BatchSource.open`."""
        from sqlalchemy.exc import SQLAlchemyError

        # A query asset has to begin with SELECT, and some queries begin with WITH.
        asset = self._data.add_query_asset(batch.name, f"select * from ({batch.query}) as batch")
        try:
            yield asset.add_batch_definition_whole_table("date"), None
        except SQLAlchemyError as error:
            raise WarehouseError(f"the batch {batch.name} cannot be read: {_words(error)}") from error

    def result_options(self, batch: Batch) -> dict[str, Any]:
        """See `BatchSource.result_options`."""
        return {"unexpected_index_column_names": list(batch.keys), "return_unexpected_index_query": False}

    def samples(self, result: Mapping[str, Any]) -> Sequence[Row]:
        """See `BatchSource.samples`."""
        rows: Sequence[Row] = result["partial_unexpected_index_list"]
        return rows

    def only_row(self) -> Row:
        """See `BatchSource.only_row`."""
        import sqlalchemy as sa

        table: Any = self._engine.batch_manager.active_batch_data
        return dict(self._engine.execute_query(sa.select(sa.text("*")).select_from(table.selectable)).mappings().one())

    def close(self) -> None:
        """End the session, and its temporary tables with it."""
        self._engine.close()


def _begin(statements: Sequence[str], connection: Any, _: object) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    # The settings of a transaction that is rolled back are gone, and the pool rolls back.
    connection.commit()


def _words(error: BaseException) -> str:
    """What the server or the driver said, in one line and without the statement."""
    return " ".join(str(getattr(error, "orig", None) or error).split())
