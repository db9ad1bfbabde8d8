import pytest

from bcauto.cli.arguments import check_none_empty


@pytest.mark.parametrize(
    ("arguments", "got"),
    [
        (["search", "--data", ""], "--data ''"),
        (["search", "--data=", "x"], "--data ''"),
        (["status", ""], "''"),
        ([""], "''"),
        (["best", "-x", ""], "-x ''"),
    ],
)
def test_an_empty_argument_is_refused_with_the_option_before_it(arguments, got, refused):
    with refused(f"^no argument may be empty, got {got}$"):
        check_none_empty(arguments)


def test_any_other_argument_is_let_pass():
    check_none_empty([])
    check_none_empty(["search", "--data", "a=", "--storage", "sqlite:///x?y=", " ", "--"])
