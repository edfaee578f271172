"""Kinds of things as targets: `dog` means all dogs. Expected numbers were counted in WordNet 3.0's own files."""

import re
import subprocess
import sys

import numpy as np
import pytest

from wsseg.classifier.categories import Categories, Target
from wsseg.classifier.imagenet import imagenet_categories

IMAGENET = imagenet_categories()

PETS = Categories(
    ("beagle", "lynx", "tabby", "ram", "unknown"), ("n02088364", "n02127052", "n02123045", "n02412080", "?")
)


def names_of(target: Target) -> set[str]:
    return {IMAGENET.names[index] for index in target.indices}


@pytest.mark.parametrize(
    ("wanted", "count", "some"),
    [
        ("dog", 118, {"Chihuahua", "golden retriever", "Mexican hairless"}),
        ("cat", 7, {"tabby", "tiger cat", "Persian cat", "Siamese cat", "Egyptian cat", "cougar", "lynx"}),
        ("big cat", 6, {"lion", "tiger", "cheetah"}),
        ("car", 10, {"sports car", "cab", "limousine"}),
        ("bird", 59, {"cock", "ostrich", "crane bird"}),
        ("horse", 1, {"sorrel"}),
        ("person", 3, {"ballplayer", "groom", "scuba diver"}),
        ("vehicle", 67, {"airliner", "canoe", "mountain bike"}),
        ("fruit", 16, {"banana", "lemon", "Granny Smith"}),
        ("fish", 16, {"tench", "goldfish"}),
        ("animal", 398, {"tench", "tabby"}),
        ("boat", 6, {"canoe", "lifeboat"}),
        ("bag", 5, {"backpack", "purse"}),
        ("ball", 10, {"soccer ball", "tennis ball"}),
        ("bear", 4, {"brown bear", "ice bear"}),
        ("bank", 1, {"piggy bank"}),
        ("food", 48, {"pizza", "banana", "espresso"}),
        ("table", 3, {"desk", "dining table", "pool table"}),
        ("instrument", 54, {"acoustic guitar", "stethoscope"}),
    ],
)
def test_a_kind_means_all_classes_that_belong_to_it(wanted, count, some):
    target = IMAGENET.resolve(wanted)
    assert (target.category, len(target.indices)) == (wanted, count)
    assert some <= names_of(target)


@pytest.mark.parametrize("wanted", ["Dog", " DOG ", "n02084071", "N02084071"])
def test_a_kind_has_one_name_however_it_is_written(wanted):
    assert IMAGENET.resolve(wanted) == IMAGENET.resolve("dog")


@pytest.mark.parametrize("wanted", ["domestic_dog", "domestic dog", "Domestic-Dog"])
def test_a_synonym_names_the_target_as_it_was_asked_for(wanted):
    target = IMAGENET.resolve(wanted)
    assert (target.category, target.indices) == ("domestic dog", IMAGENET.resolve("dog").indices)


@pytest.mark.parametrize(
    ("wanted", "index"), [("mouse", 673), ("plane", 726), ("drum", 541), ("jaguar", 290), ("pig", 341)]
)
def test_the_name_of_a_class_comes_before_that_of_a_kind(wanted, index):
    assert IMAGENET.resolve(wanted) == Target((index,), IMAGENET.names[index])


def test_a_name_of_wordnet_for_a_single_class_means_that_class():
    assert PETS.resolve("tabby cat") == Target((2,), "tabby")


@pytest.mark.parametrize(
    ("wanted", "choices"),
    [
        ("crane", "crane bird (134, n02012849), crane (517, n03126707)"),
        (
            "plant",
            "plant (n03956922, 1 class: lumbermill), plant (n00017222, 2 classes: daisy, yellow lady's slipper)",
        ),
        (
            "toy",
            "plaything (n03964744, 2 classes: swing, teddy), toy dog (n02085374, 8 classes: Chihuahua, ...)",
        ),
    ],
)
def test_an_ambiguous_name_lists_all_meanings(wanted, choices):
    with pytest.raises(
        ValueError,
        match=re.escape(f"which fits several; give the index or wnid of one of the nearest: {choices}") + "$",
    ):
        IMAGENET.resolve(wanted)


@pytest.mark.parametrize(
    ("wanted", "nearest"),
    [
        ("puppy", "dog (n02084071, 118 classes: Chihuahua, ...)"),
        ("dogs", "dog (n02084071, 118 classes: Chihuahua, ...)"),
        ("giraffe", "ruminant (n02399000, 9 classes: ox, ...)"),
        ("woman", "person (n00007846, 3 classes: ballplayer, groom, scuba diver)"),
        ("cow", "cattle (n02402425, 1 class: ox)"),
    ],
)
def test_a_kind_without_classes_suggests_the_nearest_with_classes(wanted, nearest):
    with pytest.raises(
        ValueError,
        match=re.escape(f"{wanted!r}, which fits none; give the index or wnid of one of the nearest: {nearest}"),
    ):
        IMAGENET.resolve(wanted)


def test_a_kind_with_few_classes_says_so():
    assert IMAGENET.resolve("horse").notes == ("the classifier knows only 1 kind of horse: sorrel",)
    assert IMAGENET.resolve("person").notes == (
        "the classifier knows only 3 kinds of person: ballplayer, groom, scuba diver",
    )
    assert IMAGENET.resolve("bear").notes == IMAGENET.resolve("tabby").notes == ()


def test_kinds_and_classes_go_together():
    target = IMAGENET.resolve("tabby|horse|dog")
    assert target.category == "tabby|horse|dog"
    assert set(target.indices) == {281, 339, *IMAGENET.resolve("dog").indices}
    assert target.notes == IMAGENET.resolve("horse").notes
    assert IMAGENET.resolve("dog|DOG|n02084071") == IMAGENET.resolve("dog")


def test_a_subset_of_imagenet_has_its_own_kinds():
    assert PETS.resolve("dog") == Target((0,), "dog", notes=("the classifier knows only 1 kind of dog: beagle",))
    assert PETS.resolve("cat").indices == (1, 2)
    with pytest.raises(ValueError, match="fits none"):
        PETS.resolve("vehicle")


def test_a_class_that_is_a_kind_has_those_below_it_unless_asked_for_by_number():
    dogs = Categories(("dog", "beagle", "andiron"), ("n02084071", "n02088364", "n02710044"), (("dog",), (), ("dog",)))
    assert dogs.resolve("dog").indices == (0, 1)
    assert dogs.resolve(0).indices == dogs.resolve("0").indices == dogs.resolve("n02084071").indices == (0,)
    assert dogs.resolve("beagle").indices == (1,)


def test_classes_without_wordnet_ids_have_no_kinds():
    with pytest.raises(ValueError, match="fits none"):
        Categories(("beagle", "tabby")).resolve("animal")


def test_the_likeliest_class_of_a_kind_is_noted():
    probabilities = np.zeros(1000, np.float32)
    probabilities[[207, 281, 282]] = 0.5, 0.25, 0.125
    notes = IMAGENET.notes_on(IMAGENET.resolve("dog"), probabilities)
    assert notes == ("the likeliest of 118 classes of dog is golden retriever 0.5",)
    for classes in ("tabby", "tiger cat|tabby", 3):
        assert IMAGENET.notes_on(IMAGENET.resolve(classes), probabilities) == ()
    person = IMAGENET.resolve("person")
    assert IMAGENET.notes_on(person, probabilities)[1:] == person.notes
    assert IMAGENET.notes_on(Target((281, 282), "my cats"), probabilities) == (
        "the likeliest of 2 classes of my cats is tabby 0.25",
    )


def test_the_tree_below_a_kind():
    assert list(IMAGENET.tree("cat").lines()) == [
        "cat (n02121620, 7 classes)",
        "  domestic cat (n02121808, 5 classes)",
        "    Egyptian cat (285, n02124075)",
        "    Persian cat (283, n02123394)",
        "    Siamese cat (284, n02123597)",
        "    tabby (281, n02123045)",
        "    tiger cat (282, n02123159)",
        "  wildcat (n02124623, 2 classes)",
        "    cougar (286, n02125311)",
        "    lynx (287, n02127052)",
    ]


def test_the_tree_has_all_classes_and_each_kind_has_its_own():
    tree = IMAGENET.tree()
    assert tree.indices == tuple(range(1000))
    waiting, found = [tree], set()
    while waiting:
        kind = waiting.pop()
        if kind.children:
            below = {index for child in kind.children for index in child.indices}
            assert set(kind.indices) == below
            assert IMAGENET.resolve(kind.wnid).indices == kind.indices
        else:
            found.add(kind.indices)
        waiting += kind.children
    assert found == {(index,) for index in range(1000)}


def test_the_tree_is_listed_without_repetition_in_80_columns():
    lines = list(IMAGENET.tree().lines())
    kinds = [line.strip() for line in lines if line.endswith(" classes)")]
    assert len(kinds) == len(set(kinds))
    assert max(map(len, lines)) <= 80


def test_a_name_of_several_kinds_has_a_tree_of_all():
    food = IMAGENET.tree("food")
    assert (food.text, food.indices) == ("food (48 classes)", IMAGENET.resolve("food").indices)
    assert [kind.wnid for kind in food.children] == ["n00021265", "n07555863"]
    assert [kind.name for kind in IMAGENET.tree("dog|tabby").children] == ["dog", "tabby"]


def test_a_class_is_a_tree_of_its_own():
    assert list(IMAGENET.tree(281).lines()) == list(IMAGENET.tree("tabby").lines()) == ["tabby (281, n02123045)"]


def test_classes_without_a_known_id_are_below_the_root():
    assert list(PETS.tree().lines()) == [
        "all (5 classes)",
        "  entity (n00001740, 4 classes)",
        "    animal (n00015388, 4 classes)",
        "      domestic animal (n01317541, 2 classes)",
        "        beagle (0, n02088364)",
        "        tabby (2, n02123045)",
        "      placental (n01886756, 4 classes)",
        "        carnivore (n02075296, 3 classes)",
        "          beagle (0, n02088364)",
        "          cat (n02121620, 2 classes)",
        "            lynx (1, n02127052)",
        "            tabby (2, n02123045)",
        "        ram (3, n02412080)",
        "  unknown (4, ?)",
    ]
    assert list(Categories(("a", "b")).tree().lines()) == ["all (2 classes)", "  a (0)", "  b (1)"]


def test_the_tree_of_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="target must fit one category, got 'unicorn'"):
        IMAGENET.tree("unicorn")


def test_wordnet_is_read_only_when_it_is_needed():
    script = (
        "import wsseg.classifier.categories as c, wsseg.classifier.hierarchy as h\n"
        "c.Categories(('dog',)).resolve('dog'), c.Categories(('dog',), ('n02084071',)).resolve(0)\n"
        "print(h.wordnet.cache_info().currsize)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "0\n"
