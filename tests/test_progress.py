from bcauto.progress import tell, told_to


def test_the_innermost_listener_hears_what_is_told():
    outer, inner = [], []
    tell("to nobody")
    with told_to(outer.append):
        tell("one")
        with told_to(inner.append):
            tell("two")
        tell("three")
    tell("to nobody again")
    assert (outer, inner) == (["one", "three"], ["two"])
