def test_debian(run, tmp_path):
    words = ["fox", "dog", "cat", "cow"]
    (tmp_path / "a_i18n_Translation-en").write_text(
        "\n".join(
            f"Package: {word}\nDescription-en: the {word} package\n "
            + " ".join(f"{word}{n}" for n in range(12))
            + "\n"
            for word in words
        )
    )
    code, out, _ = run("corpus", "debian", tmp_path / "out", "--lists", tmp_path, "--held-out", 1)
    assert code == 0
    assert out.startswith("read 4, usable 4, families 4, train 2, validation 1, test 1\n")
    code, _, err = run("corpus", "debian", tmp_path / "other", "--lists", tmp_path / "out")
    assert code == 1
    assert "apt-get" in err
    code, _, err = run("corpus", "debian", tmp_path / "other", "--held-out", 0)
    assert (code, "held_out=0 must be" in err) == (1, True)
