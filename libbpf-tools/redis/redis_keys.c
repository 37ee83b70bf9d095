/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Rules for keys, in the words of https://redis.io/docs/latest/develop/reference/key-specs/ */
#include "redis/redis_keys.h"

#include <array_size.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "redis/redis_command.h"

#define NONE      \
	{         \
		{ \
		} \
	}
#define RANGE(first, last, step)                    \
	{                                           \
		REDIS_KEYS_RANGE, first, last, step \
	}
#define COUNT(at, step)                       \
	{                                     \
		REDIS_KEYS_COUNT, at, 0, step \
	}
#define BY_WORDS(how, from)     \
	{                       \
		how, from, 0, 0 \
	}

static const struct {
	const char *names; /* in lower case, with blanks around each */
	struct redis_key_rules rules;
} groups[] = {
	{ " acl asking auth bgrewriteaof bgsave client cluster clusterscan command commandlog config "
	  "dbsize debug discard echo exec failover flushall flushdb function hello info keys lastsave "
	  "latency lolwut module monitor multi ping psubscribe psync publish pubsub punsubscribe quit "
	  "randomkey readonly readwrite replconf replicaof reset role save scan script select sentinel "
	  "shutdown slaveof slowlog spublish ssubscribe subscribe sunsubscribe swapdb sync time "
	  "unsubscribe unwatch wait waitaof pfselftest hotkeys ",
	  { NONE } },
	{ " append bitcount bitfield bitfield_ro bitpos decr decrby delex delifeq digest dump expire "
	  "expireat expiretime geoadd geodist geohash geopos georadius_ro georadiusbymember_ro geosearch "
	  "get getbit getdel getex getrange getset hdel hexists hexpire hexpireat hexpiretime hget hgetall "
	  "hgetdel hgetex hincrby hincrbyfloat hkeys hlen hmget hmset hpersist hpexpire hpexpireat "
	  "hpexpiretime hpttl hrandfield hscan hset hsetex hsetnx hstrlen httl hvals incr incrby "
	  "incrbyfloat lindex linsert llen lpop lpos lpush lpushx lrange lrem lset ltrim move persist "
	  "pexpire pexpireat pexpiretime pfadd psetex pttl restore restore-asking rpop rpush rpushx sadd "
	  "scard set setbit setex setnx setrange sismember smembers smismember sort_ro spop srandmember "
	  "srem sscan strlen substr ttl type vadd vcard vdim vemb vgetattr vinfo vismember vlinks "
	  "vrandmember vrange vrem vsetattr vsim xack xackdel xadd xautoclaim xclaim xdel xdelex xlen "
	  "xpending xrange xrevrange xsetid xtrim zadd zcard zcount zincrby zlexcount zpopmax zpopmin "
	  "zrandmember zrange zrangebylex zrangebyscore zrank zrem zremrangebylex zremrangebyrank "
	  "zremrangebyscore zrevrange zrevrangebylex zrevrangebyscore zrevrank zscan zscore zmscore ",
	  { { RANGE(1, 1, 1) } } },
	{ " del exists mget pfcount pfmerge sdiff sdiffstore sinter sinterstore sunion sunionstore touch "
	  "unlink watch ",
	  { { RANGE(1, -1, 1) } } },
	{ " mset msetnx ", { { RANGE(1, -1, 2) } } },
	{ " blpop brpop bzpopmin bzpopmax ", { { RANGE(1, -2, 1) } } },
	{ " blmove brpoplpush copy geosearchstore lcs lmove rename renamenx rpoplpush smove zrangestore ",
	  { { RANGE(1, 2, 1) } } },
	{ " bitop ", { { RANGE(2, -1, 1) } } },
	{ " memory object pfdebug xgroup xinfo ", { { RANGE(2, 2, 1) } } },
	{ " eval eval_ro evalsha evalsha_ro fcall fcall_ro blmpop bzmpop ", { { COUNT(2, 1) } } },
	{ " lmpop sintercard zdiff zinter zintercard zmpop zunion ", { { COUNT(1, 1) } } },
	{ " msetex ", { { COUNT(1, 2) } } },
	{ " zunionstore zinterstore zdiffstore ", { { RANGE(1, 1, 1), COUNT(2, 1) } } },
	{ " xread xreadgroup ", { { BY_WORDS(REDIS_KEYS_STREAMS, 1) } } },
	{ " migrate ", { { BY_WORDS(REDIS_KEYS_MIGRATE, 3) } } },
	{ " sort ", { { RANGE(1, 1, 1), BY_WORDS(REDIS_KEYS_SORT_STORE, 2) } } },
	{ " georadius georadiusbymember ",
	  { { RANGE(1, 1, 1), BY_WORDS(REDIS_KEYS_GEO_STORE, 5) } } },
};

const struct redis_key_rules *redis_keys_find(const char *name, size_t len)
{
	const char *bar = memchr(name, '|', len);
	char word[REDIS_NAME_SIZE + 2] = " ";

	len = bar ? (size_t)(bar - name) : len;
	if (!len || len >= REDIS_NAME_SIZE)
		return NULL;
	for (size_t i = 0; i < len; i++)
		word[i + 1] = name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 'a' - 'A' : name[i];
	if (memchr(name, ' ', len) || strlen(word) != len + 1)
		return NULL;
	word[len + 1] = ' ';
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		if (strstr(groups[i].names, word))
			return &groups[i].rules;
	}
	return NULL;
}

int redis_keys_each(int (*fn)(void *ctx, const char *name, const struct redis_key_rules *rules),
		    void *ctx)
{
	char name[REDIS_NAME_SIZE];
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		for (const char *at = groups[i].names + 1; *at && !err; at += strlen(name) + 1) {
			memset(name, 0, sizeof(name));
			memcpy(name, at, strcspn(at, " "));
			err = fn(ctx, name, &groups[i].rules);
		}
	}
	return err;
}

/* ---- one command ---------------------------------------------------------------------------- */

static void add(struct redis_keys *keys, size_t at)
{
	if (keys->count < REDIS_ARGS_MAX)
		keys->at[keys->count++] = at;
	else
		keys->is_whole = false;
}

static void add_range(struct redis_keys *keys, long first, long last, long step)
{
	for (long at = first; at <= last && keys->is_whole; at += step)
		add(keys, at);
}

/* The argument, or NULL: there is none, or it wasn't recorded, and the keys aren't known. */
static const struct redis_arg *look_at(const struct redis_command *command, size_t at,
				       struct redis_keys *keys)
{
	if (at < command->count && !command->args[at].err)
		return &command->args[at];
	if (at < command->event->argc)
		keys->is_whole = false;
	return NULL;
}

/* The arguments are so many keys, if there are as many. */
static void get_counted(const struct redis_command *command, const struct redis_key_rule *rule,
			struct redis_keys *keys)
{
	const struct redis_arg *arg = look_at(command, rule->at, keys);
	char digits[24] = {};
	char *end;
	long count;

	if (!arg || !arg->len || arg->len >= sizeof(digits))
		return;
	memcpy(digits, arg->data, arg->kept);
	count = strtol(digits, &end, 10);
	if (*end || count <= 0 || count > command->event->argc ||
	    rule->at + count * rule->step >= command->event->argc)
		return;
	add_range(keys, rule->at + 1, rule->at + count * rule->step, rule->step);
}

/* XREAD and XREADGROUP: behind STREAMS come all keys and then as many ids; before it, options with their values. */
static void get_streams(const struct redis_command *command, struct redis_keys *keys)
{
	static const struct {
		const char *name;
		size_t values;
	} options[] = {
		{ "count", 1 }, { "block", 1 }, { "group", 2 }, { "claim", 1 }, { "noack", 0 }
	};
	const struct redis_arg *arg;
	size_t i, at = 1, rest;

	while ((arg = look_at(command, at, keys)) && !redis_arg_is(arg, "streams")) {
		for (i = 0; i < ARRAY_SIZE(options) && !redis_arg_is(arg, options[i].name); i++)
			;
		if (i == ARRAY_SIZE(options))
			return;
		at += 1 + options[i].values;
	}
	rest = arg ? command->event->argc - at - 1 : 0;
	if (rest && rest % 2 == 0)
		add_range(keys, at + 1, at + rest / 2, 1);
}

/* One key, or none, an empty one, and then those behind KEYS. */
static void get_migrated(const struct redis_command *command, size_t at, struct redis_keys *keys)
{
	const struct redis_arg *key = look_at(command, at, keys), *arg;

	if (!key)
		return;
	for (size_t i = at + 3; !key->len && (arg = look_at(command, i, keys)); i++) {
		if (redis_arg_is(arg, "auth"))
			i++;
		else if (redis_arg_is(arg, "auth2"))
			i += 2;
		else if (redis_arg_is(arg, "keys"))
			return add_range(keys, i + 1, (long)command->event->argc - 1, 1);
	}
	add(keys, at);
}

/* The last STORE and its key, among options that may have values; STOREDIST, too. */
static void get_stored(const struct redis_command *command, const struct redis_key_rule *rule,
		       struct redis_keys *keys)
{
	bool is_sort = rule->how == REDIS_KEYS_SORT_STORE;
	const struct redis_arg *arg;
	size_t found = 0;

	for (size_t i = rule->at; (arg = look_at(command, i, keys)); i++) {
		if (is_sort && redis_arg_is(arg, "limit"))
			i += 2;
		else if (is_sort && (redis_arg_is(arg, "get") || redis_arg_is(arg, "by")))
			i++;
		else if (i + 1 < command->event->argc &&
			 (redis_arg_is(arg, "store") ||
			  (!is_sort && redis_arg_is(arg, "storedist"))))
			found = ++i;
	}
	if (found)
		add(keys, found);
}

static void get_by_rule(const struct redis_command *command, const struct redis_key_rule *rule,
			struct redis_keys *keys)
{
	long argc = command->event->argc;

	switch (rule->how) {
	case REDIS_KEYS_RANGE: {
		long last = rule->last < 0 ? argc + rule->last : rule->last;

		if (last < argc)
			add_range(keys, rule->at, last, rule->step);
		return;
	}
	case REDIS_KEYS_COUNT:
		return get_counted(command, rule, keys);
	case REDIS_KEYS_STREAMS:
		return get_streams(command, keys);
	case REDIS_KEYS_MIGRATE:
		return get_migrated(command, rule->at, keys);
	case REDIS_KEYS_SORT_STORE:
	case REDIS_KEYS_GEO_STORE:
		return get_stored(command, rule, keys);
	}
}

void redis_keys_get(const struct redis_command *command, const struct redis_key_rules *rules,
		    struct redis_keys *keys)
{
	keys->count = 0;
	keys->is_whole = rules != NULL;
	for (size_t i = 0; rules && i < ARRAY_SIZE(rules->rules); i++)
		get_by_rule(command, &rules->rules[i], keys);
}
