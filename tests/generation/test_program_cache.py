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


def test_a_model_keeps_a_bounded_number_of_programs(model, batch):
    model.programs = ProgramCache(2)
    for max_length in (3, 4, 5):
        model.generate(batch["input_ids"], max_length=max_length, engine="graph")
    assert len(model.programs) == 2
    model.resize_token_embeddings(70)
    assert len(model.programs) == 0
