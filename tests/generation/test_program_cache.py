import sys
from concurrent.futures import ThreadPoolExecutor

from tf_pegasus.generation.program_cache import ProgramCache


def test_the_program_unused_for_longest_goes():
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
