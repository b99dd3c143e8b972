def test_debian(run, tmp_path):
    (tmp_path / "a_i18n_Translation-en").write_text(
        "Package: a\nDescription-en: one two\n A text of at least eight words stands in this.\n"
    )
    code, out, _ = run("corpus", "debian", tmp_path / "out", "--lists", tmp_path)
    assert code == 0
    assert "read 1, usable 1" in out
    code, _, err = run("corpus", "debian", tmp_path / "other", "--lists", tmp_path / "out")
    assert code == 1
    assert "apt-get" in err
