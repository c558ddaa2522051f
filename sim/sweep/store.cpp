#include "sim/sweep/store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sim/core/error.hpp"
#include "sim/core/version.hpp"
#include "sim/sweep/file_lock.hpp"
#include "sim/sweep/sqlite.hpp"

namespace moesim {
namespace {

/// In SQLite's header: says what the file is ("moes") and how its tables look.
constexpr int kApplicationId = 0x6d6f6573;
constexpr int kLayout = 2;

constexpr const char* kTables =
    "CREATE TABLE IF NOT EXISTS definition(key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS points(number INTEGER PRIMARY KEY, key TEXT, label TEXT, error "
    "TEXT);"
    "CREATE TABLE IF NOT EXISTS results(key TEXT PRIMARY KEY, state TEXT, error TEXT, figures "
    "TEXT, wall_s REAL, start INTEGER) WITHOUT ROWID;";

const std::vector<std::string>& state_names() {
  static const std::vector<std::string> names = {"done", "refused", "failed", "died"};
  return names;
}

std::int64_t pragma(SqliteConnection& connection, const std::string& name) {
  SqliteStatement statement(connection, "PRAGMA " + name);
  return statement.step() ? statement.integer(0) : 0;
}

}  // namespace

std::string pack_figures(const Figures& figures) {
  auto json = nlohmann::ordered_json::object();
  for (const auto& [name, value] : figures) json[name] = value;
  return figures.empty() ? std::string() : json.dump();
}

Figures unpack_figures(const std::string& text) {
  Figures figures;
  if (text.empty()) return figures;
  const auto json = nlohmann::ordered_json::parse(text);
  for (const auto& [name, value] : json.items()) figures.emplace_back(name, value.get<double>());
  return figures;
}

const std::string& name_of(StoredResult::State state) {
  return state_names().at(static_cast<std::size_t>(state));
}

struct SweepStore::Database {
  std::unique_ptr<FileLock> lock;  ///< before the connection, so that nobody opens a held file
  SqliteConnection connection;
  std::int64_t start = 0;

  Database(const std::string& path, SqliteConnection::Mode mode)
      : lock(mode == SqliteConnection::Mode::kWrite ? std::make_unique<FileLock>(path) : nullptr),
        connection(path, mode) {}

  /// Throws InputError for a database of something else, or of another layout. True when new.
  bool check() {
    const auto id = pragma(connection, "application_id");
    SqliteStatement tables(connection, "SELECT count(*) FROM sqlite_master");
    tables.step();
    if (id == 0 && tables.integer(0) == 0) return true;
    if (id != kApplicationId)
      throw InputError(connection.path() + ": not a sweep store, but another SQLite database");
    if (const auto layout = pragma(connection, "user_version"); layout != kLayout)
      throw InputError(fmt::format("{}: a sweep store of layout {}, this moesim ({}) reads {}",
                                   connection.path(), layout, version(), kLayout));
    return false;
  }
  void create() {
    // A rollback journal rather than WAL: that needs shared memory, which cluster file systems
    // lack.
    connection.execute("PRAGMA journal_mode=TRUNCATE; PRAGMA synchronous=FULL;");
    if (!check()) return;
    SqliteTransaction transaction(connection);
    connection.execute(fmt::format("PRAGMA application_id={}; PRAGMA user_version={}; {}",
                                   kApplicationId, kLayout, kTables));
    transaction.commit();
  }
  void insert(SqliteStatement& statement, const StoredResult& result) {
    statement.bind(1, result.key)
        .bind(2, name_of(result.state))
        .bind(3, result.error)
        .bind(4, pack_figures(result.figures))
        .bind(5, result.wall_s)
        .bind(6, result.start);
    statement.step();
    statement.reset();
  }
  static constexpr std::string_view kInsert =
      "INSERT OR REPLACE INTO results VALUES(?, ?, ?, ?, ?, ?)";
};

SweepStore::SweepStore() = default;
SweepStore::~SweepStore() = default;
SweepStore::SweepStore(SweepStore&&) noexcept = default;

SweepStore::SweepStore(const std::string& path)
    : database_(std::make_unique<Database>(path, SqliteConnection::Mode::kWrite)) {
  database_->create();
}

SweepStore SweepStore::read(const std::string& path) {
  SweepStore store;
  store.database_ = std::make_unique<Database>(path, SqliteConnection::Mode::kRead);
  if (store.database_->check()) throw InputError(path + ": an empty file, not a sweep store");
  return store;
}

void SweepStore::define(const std::string& definition, std::span<const StoredPoint> points) {
  auto& connection = database_->connection;
  SqliteTransaction transaction(connection);
  connection.execute("DELETE FROM points; DELETE FROM definition;");
  SqliteStatement entry(connection, "INSERT INTO definition VALUES(?, ?)");
  for (const auto& [key, value] :
       {std::pair<std::string, std::string>{"sweep", definition}, {"moesim_version", version()}}) {
    entry.bind(1, key).bind(2, value).step();
    entry.reset();
  }
  SqliteStatement statement(connection, "INSERT INTO points VALUES(?, ?, ?, ?)");
  for (std::size_t i = 0; i < points.size(); ++i) {
    statement.bind(1, static_cast<std::int64_t>(i))
        .bind(2, points[i].key)
        .bind(3, points[i].label)
        .bind(4, points[i].error)
        .step();
    statement.reset();
  }
  SqliteStatement last(connection, "SELECT coalesce(max(start), 0) FROM results");
  last.step();
  database_->start = last.integer(0) + 1;
  last.reset();
  transaction.commit();
}

std::string SweepStore::definition() const {
  SqliteStatement statement(database_->connection,
                            "SELECT value FROM definition WHERE key = 'sweep'");
  return statement.step() ? statement.text(0) : std::string();
}

std::vector<StoredPoint> SweepStore::points() const {
  SqliteStatement statement(database_->connection,
                            "SELECT key, label, error FROM points ORDER BY number");
  std::vector<StoredPoint> points;
  while (statement.step())
    points.push_back({statement.text(0), statement.text(1), statement.text(2)});
  return points;
}

std::map<std::string, StoredResult> SweepStore::results() const {
  SqliteStatement statement(database_->connection,
                            "SELECT key, state, error, figures, wall_s, start FROM results");
  std::map<std::string, StoredResult> results;
  while (statement.step()) {
    const auto state = std::ranges::find(state_names(), statement.text(1)) - state_names().begin();
    if (state >= static_cast<std::ptrdiff_t>(state_names().size()))
      throw InputError(database_->connection.path() + ": unknown state '" + statement.text(1) +
                       "'");
    const auto key = statement.text(0);
    results[key] = {key,
                    static_cast<StoredResult::State>(state),
                    statement.text(2),
                    unpack_figures(statement.text(3)),
                    statement.number(4),
                    statement.integer(5)};
  }
  return results;
}

void SweepStore::record(const StoredResult& result) {
  StoredResult row = result;
  row.start = database_->start;
  copy(std::span(&row, 1));
}

void SweepStore::copy(std::span<const StoredResult> results) {
  SqliteTransaction transaction(database_->connection);
  {
    SqliteStatement statement(database_->connection, Database::kInsert);
    for (const auto& result : results) database_->insert(statement, result);
  }
  transaction.commit();
}

void SweepStore::limit_pages(int pages) {
  database_->connection.execute(fmt::format("PRAGMA max_page_count={}", pages));
}

}  // namespace moesim
