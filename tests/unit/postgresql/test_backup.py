from tests.unit.postgresql.helpers import Site, ADDED
import pytest
@pytest.mark.parametrize("cls", ["compatible","reversible","one_way"])
def test_all(site, cls):
    site.migration_class=cls
    print(site.do("probe"))
    site.deploy()
    print(site.databases())
    site.sql("insert into users(name) values ('late'); update history set tool='changed' where id=3; delete from metrics where value=2")
    print(site.do("forensic"))
    print(site.do("delta"))
    if cls=="reversible": site.sql("ALTER TABLE history DROP COLUMN note")
    try: print(site.do("restore"))
    except Exception as e: print(repr(e), e.parts()); print(site.do("restore", accept_data_loss=4 if cls=="one_way" else 0))
    print(site.databases())
    print((site.evidence/"delta.jsonl").read_text() if cls=="one_way" else "")
    site.sql("select 1")
