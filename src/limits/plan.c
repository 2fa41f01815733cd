/* SPDX-License-Identifier: ISC */
/*
 * From a snapshot of the configuration to rings and classes: which rules share a ring, how wide its
 * cells are, what each class is held to. Where rings lie in memory is in layout.c.
 */
#include <assert.h>
#include <stdlib.h>

#include "policyd/mem.h"
#include "policyd/siphash.h"
#include "policyd/slab.h"
#include "rings.h"

static_assert(CONFIG_LIMITS_MAX + 2 <= RINGS_MAX, "each rule may have a ring of its own");

static uint32_t tag_of(const char *name)
{
	static const struct siphash_key no_secret = {0};
	return (uint32_t)siphash24(&no_secret, span_of(name)) | 1;
}

static uint32_t observe_tag(const struct config_limit *limit)
{
	return limit->mode == MODE_OBSERVE ? tag_of(limit->name) : 0;
}

static bool shape_same(const struct ring_shape *a, const struct ring_shape *b)
{
	return a->key == b->key && a->unit == b->unit && a->window_us == b->window_us &&
	       a->observe == b->observe;
}

/* design 6: 12 sub-buckets up to 2 hours, 24 above. Rounded up, so that they cover the window. */
static struct ring_shape shape_for(const struct config_limit *limit, uint32_t observe)
{
	uint32_t buckets = limit->rate.window_us <= 2 * HOUR_US ? 12 : 24;
	return (struct ring_shape){
		.key = limit->key,
		.unit = limit->unit,
		.window_us = limit->rate.window_us,
		.observe = observe,
		.buckets = buckets,
		.bucket_us = (limit->rate.window_us + buckets - 1) / buckets,
		.largest = limit->rate.n,
	};
}

static uint8_t cell_bytes_for(uint64_t n)
{
	if (n <= UINT8_MAX)
		return 1;
	return n <= UINT16_MAX ? 2 : 4;
}

static uint32_t plan_ring(struct limits_plan *plan, const struct ring_shape *shape)
{
	for (uint32_t i = 0; i < plan->rings; i++) {
		if (!shape_same(&plan->ring[i], shape))
			continue;
		if (plan->ring[i].largest < shape->largest)
			plan->ring[i].largest = shape->largest;
		return i;
	}
	plan->ring[plan->rings] = *shape;
	return (uint32_t)plan->rings++;
}

uint32_t limits_find_ring(const struct limits_plan *plan, const struct ring_shape *shape)
{
	for (uint32_t i = 0; i < plan->rings; i++) {
		if (shape_same(&plan->ring[i], shape))
			return i;
	}
	return RING_NONE;
}

static bool has_ring(const struct rate *rate)
{
	return rate->n != RATE_UNLIMITED && rate->window_us > 0;
}

static void plan_rule(struct limits_plan *plan, const struct config_limit *limit)
{
	struct limit_rule *rule = &plan->rule[plan->rules++];
	*rule = (struct limit_rule){
		.config = limit,
		.ring = RING_NONE,
		.is_cap = limit->rate.window_us == RATE_PER_MESSAGE,
		.action = limit->action,
	};
	if (limit->action.action == ACTION_COUNT && !rule->is_cap)
		rule->action.action = ACTION_DEFER_IF_PERMIT;
	if (has_ring(&limit->rate)) {
		struct ring_shape shape = shape_for(limit, observe_tag(limit));
		rule->ring = plan_ring(plan, &shape);
	}
	plan->needs_size =
		plan->needs_size || (limit->unit == UNIT_BYTES && rule->ring != RING_NONE);
	plan->needs_new = plan->needs_new || limit->unit == UNIT_NEW_RECIPIENTS;
}

/* A rule that stands in no list of limits: recipients of an account. */
static void plan_own(struct limits_plan *plan, struct limit_rule *rule, struct config_limit *own,
	uint32_t observe)
{
	*rule = (struct limit_rule){.config = own, .ring = RING_NONE};
	rule->action.action = ACTION_DEFER_IF_PERMIT;
	own->key = KEY_ACCOUNT;
	own->unit = UNIT_RECIPIENTS;
	own->mode = MODE_ENFORCE;
	own->place = plan->snapshot->place;
	if (!has_ring(&own->rate))
		return;
	struct ring_shape shape = shape_for(own, observe);
	rule->ring = plan_ring(plan, &shape);
}

static void plan_owns(struct limits_plan *plan)
{
	static char emergency[] = "emergency", exempt[] = "exempt";
	plan->own[0].name = emergency;
	plan->own[0].rate = plan->snapshot->emergency_rate;
	plan_own(plan, &plan->emergency, &plan->own[0], 0);
	plan->own[1].name = exempt;
	plan->own[1].rate = plan->snapshot->exempt_foreign_rate;
	plan_own(plan, &plan->exempt, &plan->own[1], tag_of("exempt recipients"));
}

static void plan_class(
	struct limits_plan *plan, const struct config_class *config, struct plan_class *class)
{
	class->is_application = strcmp(config->name, "application") == 0;
	for (size_t i = 0; i < plan->rules; i++) {
		const struct limit_rule *rule = &plan->rule[i];
		bool is_unlimited = rule->config->rate.n == RATE_UNLIMITED;
		if (!(config->limit_set >> i & 1) || is_unlimited)
			continue;
		class->rule[class->rules++] = (uint8_t)i;
		if (rule->ring == RING_NONE)
			continue;
		class->rings[rule->config->key] |= UINT64_C(1) << rule->ring;
		class->keys |= 1u << rule->config->key;
	}
}

/* Sizes that 32 bits do not hold are counted more coarsely. */
static uint8_t shift_for(uint64_t largest)
{
	uint8_t shift = 0;
	while (largest >> shift > UINT32_MAX)
		shift++;
	return shift;
}

static void plan_cells(struct limits_plan *plan, const struct limits_plan *before)
{
	for (size_t i = 0; i < plan->rings; i++) {
		struct ring_shape *shape = &plan->ring[i];
		uint32_t was = before ? limits_find_ring(before, shape) : RING_NONE;
		/* Room for overrides, where finer cells would soon be at their end. */
		uint64_t most = shape->unit == UNIT_BYTES && shape->largest < UINT64_MAX / 64
					? shape->largest * 64
					: shape->largest;
		shape->shift = shift_for(most);
		shape->cell_bytes = cell_bytes_for(shape->largest >> shape->shift);
		if (was != RING_NONE && before->ring[was].cell_bytes > shape->cell_bytes)
			shape->cell_bytes = before->ring[was].cell_bytes;
	}
}

/* The configuration's overrides may be larger than the limits themselves. */
static void plan_overrides(struct limits_plan *plan)
{
	const struct config *config = plan->snapshot;
	for (size_t i = 0; i < config->overrides_n; i++) {
		const struct config_override *override = &config->overrides[i];
		uint32_t ring = plan->rule[override->limit_at].ring;
		uint64_t n = override->rate.n;
		if (ring != RING_NONE && n != RATE_UNLIMITED && n > plan->ring[ring].largest)
			plan->ring[ring].largest = n;
	}
}

struct limits_plan *limits_plan_new(struct config *config, const struct limits_plan *before)
{
	struct limits_plan *plan = xcalloc(1, sizeof(*plan));
	plan->refs = 1;
	plan->snapshot = config_ref(config);
	plan->slab = before ? slab_ref(before->slab) : slab_new();
	plan->rule = xcalloc(config->limits_n, sizeof(*plan->rule));
	plan->class = xcalloc(config->classes_n, sizeof(*plan->class));
	for (size_t i = 0; i < config->limits_n; i++)
		plan_rule(plan, &config->limits[i]);
	plan_owns(plan);
	for (size_t i = 0; i < config->classes_n; i++)
		plan_class(plan, &config->classes[i], &plan->class[plan->classes++]);
	plan_overrides(plan);
	plan_cells(plan, before);
	return plan;
}

struct limits_plan *limits_plan_ref(struct limits_plan *plan)
{
	plan->refs++;
	return plan;
}

void limits_plan_unref(struct limits_plan *plan)
{
	if (!plan || --plan->refs)
		return;
	for (struct ring_layout *layout; (layout = plan->layouts);) {
		plan->layouts = layout->next;
		free(layout);
	}
	free(plan->rule);
	free(plan->class);
	slab_unref(plan->slab);
	config_unref(plan->snapshot);
	free(plan);
}

struct config_action rule_action(const struct limit_rule *rule, const struct plan_class *class)
{
	struct config_action action = rule->action;
	if (action.action != ACTION_COUNT)
		return action;
	/* An application tries again with fewer; a person has to be told (semantics 13). */
	action.action = class->is_application ? ACTION_DEFER : ACTION_REJECT;
	action.code = class->is_application ? 452 : 550;
	return action;
}

/* ---- in a snapshot ---- */

void limits_save_shapes(const struct limits_plan *plan, struct bytes *out)
{
	for (size_t i = 0; i < plan->rings; i++) {
		const struct ring_shape *shape = &plan->ring[i];
		bytes_span(out, span_of(key_name(shape->key)));
		bytes_span(out, span_of(unit_name(shape->unit)));
		bytes_number(out, (uint64_t)shape->window_us);
		bytes_number(out, shape->observe);
		bytes_number(out, shape->shift);
	}
}

#define SHIFT_MAX 32 /* of 64-bit sizes in 32-bit cells */

/* The plan's ring that counts the same; its place in the file is the next number. */
static uint32_t shape_load(const struct limits_plan *plan, struct reader *in, uint8_t *ret_shift)
{
	struct span key = reader_span(in), unit = reader_span(in);
	int64_t window_us = (int64_t)reader_number(in);
	uint64_t observe = reader_number(in), shift = reader_number(in);
	if (shift > SHIFT_MAX)
		in->is_bad = true;
	*ret_shift = (uint8_t)shift;
	for (uint32_t i = 0; i < plan->rings && !in->is_bad; i++) {
		const struct ring_shape *shape = &plan->ring[i];
		if (shape->window_us == window_us && shape->observe == observe &&
			span_equal(key, span_of(key_name(shape->key))) &&
			span_equal(unit, span_of(unit_name(shape->unit))))
			return i;
	}
	return RING_NONE;
}

bool limits_load_shapes(struct limits_load *load, struct reader *in)
{
	load->n = 0;
	while (in->n && !in->is_bad) {
		if (load->n == RINGS_MAX)
			return false;
		load->ring[load->n] = shape_load(load->plan, in, &load->shift[load->n]);
		load->n++;
	}
	return !in->is_bad;
}
