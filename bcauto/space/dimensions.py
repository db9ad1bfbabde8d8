"""The dimensions of a search space: choices and ranges, each with its conditions."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, Protocol

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from bcauto.errors import did_you_mean
from bcauto.io.toml import Frozen, explain, parse

__all__ = [
    "Choices",
    "Dimension",
    "Range",
    "Scalar",
    "Suggester",
    "Value",
    "escaped",
    "read_dimension",
]

Scalar = str | int | float | bool
Value = Scalar | tuple[Any, ...]

_LARGEST = 2**53  # whole numbers up to here are exact as floats


def _is_number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"must be a number, got {value!r}")
    if not abs(value) <= _LARGEST:
        raise ValueError(f"must be a number from -2**53 to 2**53, got {value!r}")
    return value


Number = Annotated[int | float, BeforeValidator(_is_number)]


class Suggester(Protocol):
    """The source of values, such as a sampler or a fixed point."""

    def choose(self, name: str, options: Sequence[Scalar]) -> Scalar:
        """Return one of ``options``."""
        ...

    def number(self, name: str, bounds: Range) -> float:
        """Return a number within ``bounds``; an int where ``bounds.integer``."""
        ...


class _Conditional(Frozen):
    when: dict[str, Any] = {}

    def active(self, sampled: Mapping[str, Value]) -> bool:
        """Return whether every condition holds among the values sampled so far."""
        return all(
            parent in sampled and sampled[parent] in alternatives(wanted)
            for parent, wanted in self.when.items()
        )


class Choices(_Conditional):
    """One of some values; a sampler sees a list (such as head widths) as its JSON text."""

    values: tuple[Value, ...]

    @field_validator("values", mode="before")
    @classmethod
    def _are_values(cls, values: Any) -> Any:
        if not isinstance(values, list | tuple) or not values:
            raise ValueError(f"must be a list of one choice or more, got {values!r}")
        for value in values:
            if isinstance(value, dict) or (isinstance(value, float) and not math.isfinite(value)):
                rule = "a choice must be a string, a finite number, true, false or a list"
                raise ValueError(f"{rule}, got {value!r}")
        return tuple(map(_frozen, values))

    @model_validator(mode="after")
    def _values_differ(self) -> Choices:
        if len(set(self.options)) < len(self.values):
            raise ValueError(f"the choices must differ, got {_shown(self.values)}")
        return self

    @cached_property
    def options(self) -> tuple[Scalar, ...]:
        """The values as a sampler sees them: a list as its JSON text."""
        return tuple(json.dumps(v) if isinstance(v, tuple) else v for v in self.values)

    @property
    def edges(self) -> tuple[Value, ...]:
        """Every value; a check of the space tries them all."""
        return self.values

    @property
    def inside(self) -> tuple[Value, ...]:
        """Empty: no value lies between others."""
        return ()

    @property
    def count(self) -> int | None:
        """The number of values."""
        return len(self.values)

    def every(self) -> Iterator[Value]:
        """Return an iterator over the values."""
        return iter(self.values)

    def sample(self, name: str, suggest: Suggester) -> Value:
        """Return the value that ``suggest`` chooses."""
        return self.values[self.options.index(suggest.choose(name, self.options))]

    def option(self, value: Any) -> Scalar:
        """Return ``value`` as a sampler sees it.

        Raises:
            ValueError: it is not one of the values.
        """
        same = (_same(value, mine) for mine in self.values)
        option = next((o for o, is_it in zip(self.options, same, strict=True) if is_it), None)
        if option is None:
            raise ValueError(f"must be one of {_shown(self.values)}; got {value!r}")
        return option


class Range(_Conditional):
    """Numbers from ``low`` to ``high``, both included; whole numbers if both bounds are.

    ``log`` samples uniformly in the logarithm. ``reverse_log`` does so in that of
    ``low + high - number``, so that most are near ``high``: a sampler sees the mirror images.
    """

    low: Number
    high: Number
    log: bool = False
    reverse_log: bool = False
    step: Number | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _is_possible(self) -> Range:
        if self.low > self.high:
            raise ValueError(f"low must not be above high, got low {self.low}, high {self.high}")
        if self.log and self.reverse_log:
            raise ValueError("log and reverse_log exclude each other, got true and true")
        logarithmic = self.log or self.reverse_log
        if logarithmic and self.low <= 0:
            raise ValueError(f"a log range must begin above 0, got low {self.low}")
        if logarithmic and self.step is not None:
            raise ValueError(f"log and step exclude each other, got step {self.step}")
        if self.integer and isinstance(self.step, float):
            raise ValueError(f"the step of a whole-number range must be whole, got {self.step}")
        if not self._on_step(self.high):
            raise ValueError(f"high must be low plus whole steps of {self.step}, got {self.high}")
        return self

    @property
    def integer(self) -> bool:
        """Whether whole numbers are sampled."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def edges(self) -> tuple[float, ...]:
        """Both bounds; a check of the space tries them."""
        return (self.low, self.high)

    @property
    def inside(self) -> tuple[float, ...]:
        """The middle and the numbers next to the bounds; a check of the space tries them."""
        if self.count is None:
            low, high = float(self.low), float(self.high)
            near = [(low + high) / 2, math.nextafter(low, high), math.nextafter(high, low)]
        else:
            step, last = self.step or 1, self.count - 1
            near = [self.low + step * number for number in (last // 2, 1, last - 1)]
        return tuple(dict.fromkeys(n for n in near if self.low < n < self.high))

    @property
    def count(self) -> int | None:
        """The number of values; None for a range of fractions without steps."""
        if self.low == self.high:
            return 1
        step = self.step or (1 if self.integer else None)
        return None if step is None else round((self.high - self.low) / step) + 1

    def every(self) -> Iterator[Value]:
        """Return an iterator over the numbers.

        Raises:
            ValueError: they are infinitely many.
        """
        if self.count is None:
            raise ValueError(f"a range must have steps, got {self.low} to {self.high} without")
        step = self.step or 1
        return (min(self.low + step * number, self.high) for number in range(self.count))

    def sample(self, name: str, suggest: Suggester) -> float:
        """Return the number that ``suggest`` gives."""
        return self._mirrored(suggest.number(name, self))

    def option(self, value: Any) -> Scalar:
        """Return ``value`` as a sampler sees it.

        Raises:
            ValueError: it is not a number of the range.
        """
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"must be a number; got {value!r}")
        inside = self.low <= value <= self.high and (not self.integer or value == int(value))
        if not (inside and self._on_step(value)):
            kind = "a whole number" if self.integer else "a number"
            steps = f" in steps of {self.step}" if self.step else ""
            raise ValueError(f"must be {kind} from {self.low} to {self.high}{steps}; got {value!r}")
        return self._mirrored(int(value) if self.integer else float(value))

    def _mirrored(self, value: float) -> float:
        if not self.reverse_log:
            return value
        return min(max(self.low + self.high - value, self.low), self.high)  # but for rounding

    def _on_step(self, value: float) -> bool:
        if self.step is None:
            return True
        return math.isclose(math.remainder(value - self.low, self.step), 0, abs_tol=1e-9)


Dimension = Range | Choices


def escaped(key: str) -> str:
    """Return a key of a recipe's table as part of a dimension's name; its dots become ``%2E``."""
    return re.sub(r"[%.@]", lambda match: f"%{ord(match[0]):02X}", key)


def alternatives(wanted: Any) -> tuple[Any, ...]:
    """Return the values that a condition accepts; a list means any of its values."""
    return tuple(map(_frozen, wanted)) if isinstance(wanted, list | tuple) else (wanted,)


def read_dimension(entry: Any) -> Dimension:
    """Return a dimension from its TOML form: a list of choices, or a table.

    Raises:
        ValueError: the entry has neither form, or breaks a rule.
    """
    if isinstance(entry, Dimension):
        return entry
    table = {"values": entry} if isinstance(entry, list) else entry
    if not isinstance(table, dict):
        raise ValueError(
            f"must be a list of choices or a table with low and high, got {entry!r}; "
            "a constant belongs to [recipe]"
        )
    _check_keys(table)
    kind: type[Dimension] = Choices if "values" in table else Range
    try:
        return parse(kind, table)
    except ValidationError as error:
        raise ValueError(explain(error, kind)) from None


def _check_keys(table: Mapping[str, Any]) -> None:
    legal = {*Choices.model_fields, *Range.model_fields}
    for key, value in table.items():
        if key not in legal:
            known = did_you_mean(key, legal)
            dotted = isinstance(value, list | dict) and known.startswith("Legal")
            hint = "; a dotted name needs quotes" if dotted else ""
            raise ValueError(f"unknown key {key!r}; {known}{hint}")
    bounds = sorted(table.keys() - Choices.model_fields)
    if "values" in table and bounds:
        raise ValueError(f"values and {bounds[0]} exclude each other")


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _same(one: Any, other: Any) -> bool:
    """Return whether two values are equal; true is not 1."""
    return bool(_frozen(one) == _frozen(other)) and isinstance(one, bool) == isinstance(other, bool)


def _shown(values: Sequence[Value]) -> str:
    return ", ".join(repr(list(v) if isinstance(v, tuple) else v) for v in values)
