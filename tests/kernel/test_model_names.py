"""Is the model found that a name means?"""

import pytest

from ollm.model_names import fitting, meant, near_models, same_model, tagged


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("llama3.2", "llama3.2:latest"),
        ("Llama3.2:3B", "llama3.2:3b"),
        ("localhost:5000/library/smollm2", "localhost:5000/library/smollm2:latest"),
        ("hf.co/user/Repo-GGUF:Q4_K_M", "hf.co/user/repo-gguf:q4_k_m"),
        ("", ":latest"),
    ],
)
def test_a_missing_tag_is_latest_and_case_is_disregarded(name, form):
    assert tagged(name) == form
    assert same_model(name, form.upper())


def test_the_very_name_goes_before_its_kin():
    assert meant("Phi", ["phi:latest", "Phi"]) == "Phi"
    assert meant("PHI", ["phi:mini", "phi:latest"]) == "phi:latest"
    assert meant("phi", ["phi:mini"]) is None


def test_near_names_are_other_tags_then_what_is_spelt_alike():
    names = ["smollm2:135m", "smollm:1b", "gemma3:270m", "SmolLM2:360m"]
    assert near_models("smollm2", names) == ["smollm2:135m", "SmolLM2:360m", "smollm:1b"]
    assert near_models("nothing-like-it", names) == []


@pytest.mark.parametrize("wanted", ["smolm2", "SMOLLM-2", "smollm2x:latest"])
def test_a_slip_in_a_name_without_its_tag_is_near(wanted):
    assert near_models(wanted, ["gemma3:270m", "SmolLM2:135m-instruct-q4_K_M"]) == ["SmolLM2:135m-instruct-q4_K_M"]


def test_the_most_specific_pattern_comes_first():
    patterns = ["*", "llama3*", "llama3.1:8b", "llama3.1:*", "LLAMA3.1:8B-*", "mistral"]
    assert fitting("llama3.1:8B", patterns) == ["llama3.1:8b", "llama3.1:*", "llama3*", "*"]
    assert fitting("mistral:latest", patterns) == ["mistral", "*"]
