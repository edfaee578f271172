"""Finding a class by name."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsseg.classifier.categories import NEAREST, Categories, Target, numbered

CATS = Categories(
    names=("tabby", "tiger cat", "crane bird", "crane", "Shih-Tzu", "catamaran", "harp", "harmonica"),
    wnids=("n1001", "n1002", "n1003", "n1004", "n1005", "n1006", "n1007", "n1008"),
    synonyms=(
        ("tabby", "tabby cat"),
        ("tiger cat",),
        ("crane",),
        ("crane",),
        ("Shih-Tzu",),
        ("catamaran",),
        ("harp",),
        ("mouth organ", "harp"),
    ),
)


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (1, 1),
        ("1", 1),
        ("n1002", 1),
        ("N1002", 1),
        ("Tiger_Cat", 1),
        ("  tiger   cat ", 1),
        ("tabby cat", 0),
        ("shih tzu", 4),
        ("crane bird", 2),
        ("mouth-organ", 7),
    ],
)
def test_an_index_a_wnid_a_name_and_a_synonym_all_mean_the_class(wanted, index):
    assert CATS.resolve(wanted) == Target((index,), CATS.names[index])


@given(st.sampled_from([0, 1, 2, 4, 5, 7]), st.data())
def test_case_underscore_hyphen_and_space_are_alike(index, data):
    letters = [data.draw(st.sampled_from([c.lower(), c.upper()])) for c in CATS.names[index]]
    separated = [data.draw(st.sampled_from("_- ")) if c in " -" else c for c in letters]
    assert CATS.resolve("".join(separated)).indices == (index,)


@pytest.mark.parametrize("wanted", ["9999", " 9999", "9" * 30])
def test_a_number_out_of_range_shows_the_range(wanted):
    with pytest.raises(
        ValueError, match=f"^target must be a class index from 0 to {len(CATS) - 1}, got {wanted.strip()}; "
    ):
        CATS.resolve(wanted)


@pytest.mark.parametrize("wanted", ["cat", "tab", "tabb", "catamara", "tiger", "n100", "01", "", "|", "tabby|", "-1"])
def test_a_part_of_a_name_never_matches(wanted):
    with pytest.raises(ValueError, match="fits none"):
        CATS.resolve(wanted)


def test_a_part_of_a_name_suggests_the_classes_with_that_word():
    with pytest.raises(ValueError, match=re.escape("nearest: tabby (0, n1001), tiger cat (1, n1002)")):
        CATS.resolve("cat")


def test_a_misspelling_suggests_the_name_first():
    with pytest.raises(ValueError, match=re.escape("'tigre cat', which fits none; give the index or wnid")) as caught:
        CATS.resolve("tigre cat")
    assert "nearest: tiger cat (1, n1002), tabby" in str(caught.value)


def test_a_name_without_a_similar_one_says_so():
    with pytest.raises(ValueError, match="no name is similar"):
        numbered(3).resolve("zebra")


@pytest.mark.parametrize(("wanted", "fitting"), [("crane", (2, 3)), ("harp", (6, 7)), ("tabby|CRANE", (2, 3))])
def test_a_name_that_fits_several_lists_exactly_these(wanted, fitting):
    labels = ", ".join(f"{CATS.names[index]} ({index}, {CATS.wnids[index]})" for index in fitting)
    with pytest.raises(
        ValueError, match=re.escape(f"fits several; give the index or wnid of one of the nearest: {labels}") + "$"
    ):
        CATS.resolve(wanted)


def test_the_number_of_suggestions_is_limited():
    with pytest.raises(ValueError, match="fits none") as caught:
        numbered(100).resolve("class")
    assert str(caught.value).count("(") == NEAREST


def test_several_names_are_one_target_with_rising_indices():
    assert CATS.resolve("tiger cat|tabby") == Target((0, 1), "tiger cat|tabby")


def test_a_class_named_twice_counts_once():
    assert CATS.resolve("tabby|tabby cat|0") == Target((0,), "tabby")


def test_a_name_with_a_bar_is_still_a_name():
    names = Categories(("a", "b", "a|b"))
    assert names.resolve("a|b") == Target((2,), "a|b")
    assert names.resolve("b|a") == Target((0, 1), "b|a")


def test_a_number_that_is_the_name_of_another_class_is_ambiguous():
    with pytest.raises(ValueError, match=re.escape("fits several; give the index of one of the nearest: 1 (0), 2 (1)")):
        Categories(("1", "2", "3")).resolve("1")


def test_a_target_resolves_to_itself():
    target = CATS.resolve("tabby|tiger cat")
    assert CATS.resolve(target) == target


@pytest.mark.parametrize("index", [-1, 8, 10**30])
def test_an_index_out_of_range_names_the_range(index):
    with pytest.raises(ValueError, match=f"from 0 to 7, got {index}"):
        CATS.resolve(index)


def test_a_target_of_another_classifier_is_out_of_range():
    with pytest.raises(ValueError, match="from 0 to 7, got 999"):
        CATS.resolve(Target((3, 999), "elsewhere"))


@pytest.mark.parametrize("wanted", [True, 1.0, None, ["tabby"], b"tabby"])
def test_other_types_are_refused(wanted):
    with pytest.raises(TypeError, match="target must be an index, a name or a Target"):
        CATS.resolve(wanted)


def test_a_long_name_does_not_flood_the_message():
    with pytest.raises(ValueError, match="fits none") as caught:
        CATS.resolve("x" * 100_000)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("indices", [(), (2, 1), (1, 1), (-1,)])
def test_a_target_holds_rising_indices(indices):
    with pytest.raises(ValueError, match="rising and each once"):
        Target(indices, "x")


def test_categories_must_be_strings_with_one_id_each():
    with pytest.raises(ValueError, match="names must hold a name for each class"):
        Categories(())
    with pytest.raises(TypeError, match="names must be strings, got 7"):
        Categories(("a", 7))
    with pytest.raises(ValueError, match="wnids must have one entry per name, got 1 for 2 names"):
        Categories(("a", "b"), wnids=("n1",))
    with pytest.raises(ValueError, match="synonyms must have one entry per name, got 3 for 2 names"):
        Categories(("a", "b"), synonyms=((), (), ()))


def test_numbered_categories():
    assert numbered(2).names == ("class 0", "class 1")
    assert len(numbered(7)) == 7
    assert numbered(3).resolve("class 2").indices == (2,)


def test_its_repr_shows_the_first_names():
    assert repr(Categories(("a", "b"))) == "Categories(2 names: a, b)"
    assert repr(numbered(1000)) == "Categories(1000 names: class 0, class 1, class 2, ...)"
