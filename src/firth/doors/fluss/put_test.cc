// Goal: what is known of a table spares upserts neither the caller's rights nor a new definition.
#include "firth/doors/fluss/testing_door.h"
#include "firth/doors/fluss/testing_kv.h"

namespace firth::doors::fluss {
namespace {

class PutTest : public DoorTest {
 protected:
  /// Upsert one row into bucket 0; returns the code.
  static int32_t Put(TestClient* from, int64_t table, int32_t key) {
    pb::PutKvRequest put;
    put.set_acks(-1);
    put.set_table_id(table);
    put.set_timeout_ms(1000);
    put.add_buckets()->set_bucket(0);
    put.mutable_buckets(0)->set_records(KvBatchOf(*table::Pairs({{key, "x"}}), {0}));
    const auto bucket = from->Call<pb::PutKvAnswer>(kPutKv, put).buckets(0);
    return bucket.has_error_code() ? bucket.error_code() : 0;
  }
  int64_t CreateKeyed() { return Create("t", R"(,"bucket_count":1)", R"(,"primary_key":["a"])"); }
};

TEST_F(PutTest, UpsertsAskForRightsEachTime) {
  const int64_t id = CreateKeyed();
  EXPECT_EQ(Put(&client(), id, 1), 0);
  const auto eve = Blind("t");
  EXPECT_EQ(Put(eve.get(), id, 2), 48);
  EXPECT_EQ(Put(&client(), id, 3), 0);
}

TEST_F(PutTest, ATableThatIsGoneTakesNothing) {
  const int64_t id = CreateKeyed();
  EXPECT_EQ(Put(&client(), id, 1), 0);
  EXPECT_EQ(Put(&client(), id, 2), 0);
  pb::DropTableRequest drop;
  *drop.mutable_table() = Name("t");
  drop.set_ignore_if_absent(false);
  client().Call<pb::Empty>(kDropTable, drop);
  EXPECT_EQ(Put(&client(), id, 3), 21);
}

}  // namespace
}  // namespace firth::doors::fluss
