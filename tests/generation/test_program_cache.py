import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tf_pegasus.generation.program_cache import ProgramCache


def test_least_recently_used_program_is_dropped():
    made = []

    def maker(key):
        def make():
            made.append(key)
            return key

        return make

    cache = ProgramCache(2)
    for key in ("a", "b", "a", "c", "a", "b"):
        assert cache.get(key, maker(key)) == key
        assert len(cache) <= 2
    assert made == ["a", "b", "c", "b"]
    cache.clear()
    assert len(cache) == 0


def test_threads_may_share_a_cache():
    cache = ProgramCache(2)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def get(number):
        return [cache.get((number + i) % 5, object) is not None for i in range(20000)]

    try:
        with ThreadPoolExecutor(8) as pool:
            assert all(all(found) for found in pool.map(get, range(8)))
    finally:
        sys.setswitchinterval(interval)
    assert len(cache) == 2


def test_a_model_keeps_a_bounded_number_of_programs(model, batch):
    model.programs = ProgramCache(2)
    for max_length in (3, 4, 5):
        model.generate(batch["input_ids"], max_length=max_length, engine="graph")
    assert len(model.programs) == 2
    model.resize_token_embeddings(70)
    assert len(model.programs) == 0


def test_numbers_share_a_program(golden):
    model = golden.model
    model.programs = ProgramCache()
    options = {"num_beams": 3, "max_length": 10, "engine": "graph", "do_sample": True, "seed": 1}
    outputs = []
    for temperature, penalty in ((0.5, 0.3), (1.5, 1.2), (2.0, -1.0)):
        outputs.append(
            model.generate(
                golden.source,
                temperature=temperature,
                length_penalty=penalty,
                repetition_penalty=1 + penalty / 3,
                top_p=0.9,
                return_dict_in_generate=True,
                **options,
            )
        )
    assert len(model.programs) == 1
    fresh = ProgramCache()
    model.programs = fresh
    again = model.generate(
        golden.source,
        temperature=1.5,
        length_penalty=1.2,
        repetition_penalty=1.4,
        top_p=0.9,
        return_dict_in_generate=True,
        **{**options, "engine": "eager"},
    )
    np.testing.assert_array_equal(again.sequences, outputs[1].sequences)
    np.testing.assert_allclose(again.sequences_scores, outputs[1].sequences_scores, rtol=1e-5)
    assert not np.array_equal(outputs[0].sequences_scores, outputs[2].sequences_scores)
