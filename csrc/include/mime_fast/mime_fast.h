/* libmime_fast: empathetic replies, text in and text out. C99; mime_fast.hpp is a C++17 layer.
 *
 * Texts are UTF-8 that ends with a zero byte. Functions that can fail return a mime_fast_status;
 * mime_fast_last_error() then says what is wrong, and the remedy. No function throws or ends the
 * process. docs/cpp.md has examples.
 */
#ifndef MIME_FAST_MIME_FAST_H
#define MIME_FAST_MIME_FAST_H

#include <stddef.h>
#include <stdint.h>

#if defined(MIME_FAST_BUILDS_LIBRARY)
#define MIME_FAST_API __attribute__((visibility("default")))
#else
#define MIME_FAST_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum mime_fast_status {
  MIME_FAST_OK = 0,
  MIME_FAST_INVALID_ARGUMENT = 1, /* a text, an option or a pointer is wrong */
  MIME_FAST_CHECKPOINT_ERROR = 2, /* a file of the checkpoint cannot be used */
  MIME_FAST_OUT_OF_MEMORY = 3,    /* other calls go on */
  MIME_FAST_CANCELLED = 4,        /* the callback gave the reply up */
  MIME_FAST_SYSTEM_ERROR = 5,     /* the system starts no threads, or the like */
  MIME_FAST_INTERNAL_ERROR = 6,   /* a bug of this library */
  MIME_FAST_QUEUE_FULL = 7,       /* as many requests of a service wait as may */
  MIME_FAST_SERVICE_CLOSED = 8    /* its thread has ended, or belongs to the parent process */
} mime_fast_status;

/* The version of the library, such as "0.1.0". */
MIME_FAST_API const char* mime_fast_version(void);

/* What was wrong with the last call of this thread that failed; "" before there was one. It is
 * valid until the next call of this thread. */
MIME_FAST_API const char* mime_fast_last_error(void);

/* ---- A loaded checkpoint. Any number of threads may use one at the same time. ---- */

typedef struct mime_fast_generator mime_fast_generator;

/* How a checkpoint is loaded. Call mime_fast_load_options_init before anything is set. */
typedef struct mime_fast_load_options {
  size_t size;              /* of this struct; set by the initialiser */
  const char* compute_type; /* "int8" (exact, the default), "float32", or "bfloat16" (may change a
                               reply); NULL: the default */
  int threads;              /* of one call, in [1, 256]; 0: the physical cores, at most 4 */
} mime_fast_load_options;

/* What mime_fast_load_options_init calls with the size that this header knows. */
MIME_FAST_API void mime_fast_load_options_init_sized(mime_fast_load_options* options, size_t size);
static inline void mime_fast_load_options_init(mime_fast_load_options* options) {
  mime_fast_load_options_init_sized(options, sizeof(mime_fast_load_options));
}

/* Loads a checkpoint's folder. options: NULL for the defaults. *generator is NULL on failure; else
 * the caller destroys it. */
MIME_FAST_API mime_fast_status mime_fast_generator_create(const char* folder,
                                                          const mime_fast_load_options* options,
                                                          mime_fast_generator** generator);

/* NULL is allowed. No call may use the generator any more; responses outlive it. */
MIME_FAST_API void mime_fast_generator_destroy(mime_fast_generator* generator);

/* ---- The options of a reply; docs/generation.md explains each. ---- */

/* The checkpoint's own value. For numbers with a point, NaN is. */
#define MIME_FAST_DEFAULT (-1)

typedef enum mime_fast_early_stopping {
  MIME_FAST_EARLY_STOPPING_DEFAULT = MIME_FAST_DEFAULT,
  MIME_FAST_EARLY_STOPPING_OFF = 0,
  MIME_FAST_EARLY_STOPPING_ON = 1,
  MIME_FAST_EARLY_STOPPING_NEVER = 2
} mime_fast_early_stopping;

typedef enum mime_fast_on_crisis {
  MIME_FAST_ON_CRISIS_DEFAULT = MIME_FAST_DEFAULT,
  MIME_FAST_ON_CRISIS_REPLY = 0, /* reply with a fixed text */
  MIME_FAST_ON_CRISIS_FLAG = 1,  /* generate a reply, and report the signal */
  MIME_FAST_ON_CRISIS_OFF = 2    /* do not look for one */
} mime_fast_on_crisis;

/* Call mime_fast_options_init before anything is set: it sets everything to the checkpoint's own
 * values. If do_sample or num_beams is set, the other options of sampling that are not set are off,
 * whatever the checkpoint says. Later versions add fields at the end. */
typedef struct mime_fast_options {
  size_t size; /* of this struct; set by the initialiser */
  int64_t max_new_tokens;
  int64_t min_new_tokens;
  const char* const* stop; /* (stop_count,) the reply ends before the first of these */
  size_t stop_count;
  int64_t num_beams;
  double length_penalty;
  mime_fast_early_stopping early_stopping;
  int do_sample; /* 0 or 1, as all options of type int */
  double temperature;
  int64_t top_k;
  double top_p;
  double min_p;
  double repetition_penalty;
  int64_t no_repeat_ngram_size;
  const char* const* bad_words; /* (bad_words_count,) never generated */
  size_t bad_words_count;
  int64_t num_return_sequences;
  int64_t mbr_samples;
  int64_t best_of;
  int return_scores;
  int speculation;
  int has_seed; /* 1: `seed` counts; 0: one is drawn; it repeats a reply exactly */
  uint64_t seed;
  int stochastic_emotion;
  const char* emotion; /* such as "sad", in place of the recognised one; NULL: the latter */
  mime_fast_on_crisis on_crisis;
  const char* crisis_reply; /* the fixed text; NULL: one of ours that fits */
  int avoid_cheer;
  int64_t logprobs; /* how many of the likeliest words are listed at each; 0: its own alone */
} mime_fast_options;

/* What mime_fast_options_init calls with the size that this header knows. */
MIME_FAST_API void mime_fast_options_init_sized(mime_fast_options* options, size_t size);
static inline void mime_fast_options_init(mime_fast_options* options) {
  mime_fast_options_init_sized(options, sizeof(mime_fast_options));
}

/* ---- Replies ---- */

typedef struct mime_fast_response mime_fast_response;

/* Takes a piece of a reply, which is valid until it returns. Returns 0 to go on; anything else
 * gives the reply up. */
typedef int (*mime_fast_on_piece)(const char* piece, void* context);

/* Replies to a history of turns: the speaker's first, then the listener's, in turn, and the
 * speaker's last. One turn is a message alone.
 *   turns      (turn_count,)
 *   options    NULL for those of the checkpoint
 *   *response  NULL on failure; else the caller destroys it */
MIME_FAST_API mime_fast_status mime_fast_respond(const mime_fast_generator* generator,
                                                 const char* const* turns, size_t turn_count,
                                                 const mime_fast_options* options,
                                                 mime_fast_response** response);

/* The same, and each piece of the text is handed to the callback as soon as nothing can change it.
 * The pieces joined are exactly the text. A reply that is chosen among several samples, such as
 * with best_of, is one piece. response: NULL if only the pieces are wanted. */
MIME_FAST_API mime_fast_status mime_fast_stream(const mime_fast_generator* generator,
                                                const char* const* turns, size_t turn_count,
                                                const mime_fast_options* options,
                                                mime_fast_on_piece on_piece, void* context,
                                                mime_fast_response** response);

/* NULL is allowed. */
MIME_FAST_API void mime_fast_response_destroy(mime_fast_response* response);

/* ---- A service, for programs with an event loop: many requests at once share each pass over the
 * weights, and each gets the reply that it gets alone. Any number of threads may use one. ---- */

typedef struct mime_fast_service mime_fast_service;

/* Call mime_fast_service_options_init before anything is set. */
typedef struct mime_fast_service_options {
  size_t size;        /* of this struct; set by the initialiser */
  size_t max_running; /* requests that are answered at the same time, 32 */
  size_t max_waiting; /* requests that may wait, 1024; more are refused */
} mime_fast_service_options;

/* What mime_fast_service_options_init calls with the size that this header knows. */
MIME_FAST_API void mime_fast_service_options_init_sized(mime_fast_service_options* options,
                                                        size_t size);
static inline void mime_fast_service_options_init(mime_fast_service_options* options) {
  mime_fast_service_options_init_sized(options, sizeof(mime_fast_service_options));
}

/* Starts a service with a thread of its own. The generator must outlive it. options: NULL for the
 * defaults. *service is NULL on failure; else the caller destroys it. */
MIME_FAST_API mime_fast_status mime_fast_service_create(const mime_fast_generator* generator,
                                                        const mime_fast_service_options* options,
                                                        mime_fast_service** service);

/* Drops all requests and ends the thread, which takes up to 20 ms. No call may use the service any
 * more; events and responses outlive it. NULL is allowed. */
MIME_FAST_API void mime_fast_service_destroy(mime_fast_service* service);

/* Hands a message to the service without waiting for the reply; turns and options are those of
 * mime_fast_respond.
 *   streams   0 or 1: whether there are events with pieces of the reply
 *   max_wait  seconds after which the request is dropped unless it has begun; 0: any time
 *   *ticket   names the request; no ticket is used twice */
MIME_FAST_API mime_fast_status mime_fast_service_submit(mime_fast_service* service,
                                                        const char* const* turns, size_t turn_count,
                                                        const mime_fast_options* options,
                                                        int streams, double max_wait,
                                                        uint64_t* ticket);

/* Drops a request at the next step. No event of it follows but one that another thread is taking. A
 * ticket that has ended is ignored. */
MIME_FAST_API mime_fast_status mime_fast_service_cancel(mime_fast_service* service,
                                                        uint64_t ticket);

/* How many requests are answered, and how many wait. */
MIME_FAST_API size_t mime_fast_service_running(const mime_fast_service* service);
MIME_FAST_API size_t mime_fast_service_waiting(const mime_fast_service* service);

/* Becomes readable (poll, epoll) with new events. Do not read from it: take events until there is
 * none. */
MIME_FAST_API int mime_fast_service_file_descriptor(const mime_fast_service* service);

typedef struct mime_fast_event mime_fast_event;

typedef enum mime_fast_kind {
  MIME_FAST_PIECE = 0,   /* of a stream: nothing can change this piece of the text any more */
  MIME_FAST_DONE = 1,    /* the reply is complete; of a stream with the last piece */
  MIME_FAST_EXPIRED = 2, /* the request waited for longer than max_wait */
  MIME_FAST_FAILED = 3   /* mime_fast_event_status and mime_fast_event_error say why */
} mime_fast_kind;

/* Takes an event. *event is NULL if there is none, and on failure; else the caller destroys it. A
 * request has no event after one that is no piece. Samples are ranked, and log-probabilities
 * computed, in this call; other threads that take events wait for it. */
MIME_FAST_API mime_fast_status mime_fast_service_next(mime_fast_service* service,
                                                      mime_fast_event** event);

/* NULL is allowed. */
MIME_FAST_API void mime_fast_event_destroy(mime_fast_event* event);

MIME_FAST_API uint64_t mime_fast_event_ticket(const mime_fast_event* event);
MIME_FAST_API mime_fast_kind mime_fast_event_kind(const mime_fast_event* event);
/* "" where there is none; valid until the event is destroyed. */
MIME_FAST_API const char* mime_fast_event_piece(const mime_fast_event* event);
/* Hands out the response of MIME_FAST_DONE, once: the caller destroys it. Otherwise NULL. */
MIME_FAST_API mime_fast_response* mime_fast_event_take_response(mime_fast_event* event);
/* What MIME_FAST_FAILED ended with; MIME_FAST_OK and "" otherwise. */
MIME_FAST_API mime_fast_status mime_fast_event_status(const mime_fast_event* event);
MIME_FAST_API const char* mime_fast_event_error(const mime_fast_event* event);

/* ---- What a response holds. Texts and arrays are valid until it is destroyed. An index that is
 * out of range gives "", 0 or NULL. ---- */

MIME_FAST_API const char* mime_fast_response_text(const mime_fast_response* response);
/* "stop", "length", "crisis" (a fixed text) or "careful" (a fixed text, since no reply suited). */
MIME_FAST_API const char* mime_fast_response_finish_reason(const mime_fast_response* response);
/* The speaker's emotion, recognised or forced, and its polarity: "positive" or "negative". */
MIME_FAST_API const char* mime_fast_response_emotion(const mime_fast_response* response);
MIME_FAST_API const char* mime_fast_response_polarity(const mime_fast_response* response);
/* With has_seed and this seed the same call gives the same reply. */
MIME_FAST_API uint64_t mime_fast_response_seed(const mime_fast_response* response);

/* The signal of a crisis (docs/safety.md): its category; "self" or "other"; and the index of the
 * turn that it was found in. The category is NULL if none was found, which is no proof of safety.
 */
MIME_FAST_API const char* mime_fast_response_crisis(const mime_fast_response* response);
MIME_FAST_API const char* mime_fast_response_crisis_about(const mime_fast_response* response);
MIME_FAST_API size_t mime_fast_response_crisis_turn(const mime_fast_response* response);

/* The emotions by their ids, 0 to mime_fast_emotion_count() - 1. */
MIME_FAST_API size_t mime_fast_emotion_count(void);
MIME_FAST_API const char* mime_fast_emotion_name(size_t emotion);
/* Probability that it is the speaker's. */
MIME_FAST_API double mime_fast_response_probability(const mime_fast_response* response,
                                                    size_t emotion);
/* Its weight in the mixture that the reply is composed of. */
MIME_FAST_API double mime_fast_response_mixture(const mime_fast_response* response, size_t emotion);
/* The group of emotions that is mimicked, "positive" or "negative"; NULL: the model mimics none. */
MIME_FAST_API const char* mime_fast_response_mimicked(const mime_fast_response* response);

/* Candidates, of which the first is the reply. */
MIME_FAST_API size_t mime_fast_response_candidate_count(const mime_fast_response* response);
MIME_FAST_API const char* mime_fast_response_candidate_text(const mime_fast_response* response,
                                                            size_t candidate);
MIME_FAST_API const char* mime_fast_response_candidate_finish_reason(
    const mime_fast_response* response, size_t candidate);
/* Log-probability / length ** length_penalty; NaN: it was not computed. */
MIME_FAST_API double mime_fast_response_candidate_score(const mime_fast_response* response,
                                                        size_t candidate);
/* Ids of the words or subwords; *count is their number. */
MIME_FAST_API const int32_t* mime_fast_response_candidate_tokens(const mime_fast_response* response,
                                                                 size_t candidate, size_t* count);

/* With the option `logprobs`: how many positions of a candidate have log-probabilities. There is
 * one for each token, and one for a generated end of the reply. */
MIME_FAST_API size_t mime_fast_response_candidate_logprob_count(const mime_fast_response* response,
                                                                size_t candidate);
/* How many of the likeliest tokens are listed at a position, best first. Special ones, which are
 * never generated, are among them. */
MIME_FAST_API size_t mime_fast_response_candidate_top_count(const mime_fast_response* response,
                                                            size_t candidate, size_t position);
/* A rank that stands for the token that was generated at a position. */
#define MIME_FAST_GENERATED ((size_t)-1)
/* A token at a position, by its rank: its id, its text (a subword's with the blank before it), and
 * its log-probability, which is the model's own, before penalties and temperature. Where an index
 * is out of range they are -1, "" and NaN. */
MIME_FAST_API int32_t mime_fast_response_candidate_logprob_token(const mime_fast_response* response,
                                                                 size_t candidate, size_t position,
                                                                 size_t rank);
MIME_FAST_API const char* mime_fast_response_candidate_logprob_word(
    const mime_fast_response* response, size_t candidate, size_t position, size_t rank);
MIME_FAST_API double mime_fast_response_candidate_logprob(const mime_fast_response* response,
                                                          size_t candidate, size_t position,
                                                          size_t rank);

/* How long the encoder and the decoder took. */
MIME_FAST_API double mime_fast_response_encode_milliseconds(const mime_fast_response* response);
MIME_FAST_API double mime_fast_response_decode_milliseconds(const mime_fast_response* response);
/* Length of the context that the model read, and how much of it was cut from its oldest end. */
MIME_FAST_API int64_t mime_fast_response_prompt_tokens(const mime_fast_response* response);
MIME_FAST_API int64_t mime_fast_response_dropped_turns(const mime_fast_response* response);
MIME_FAST_API int64_t mime_fast_response_dropped_words(const mime_fast_response* response);
/* Words of the last turn, and how many of them the vocabulary lacks: they are read as the unknown
 * token, or by mime-base as two or more word pieces of at most 3 characters each. */
MIME_FAST_API int64_t mime_fast_response_words(const mime_fast_response* response);
MIME_FAST_API int64_t mime_fast_response_unknown_words(const mime_fast_response* response);

/* ---- Text ---- */

/* Writes the words, or word pieces, that the checkpoint's tokeniser splits a message into. They are
 * joined by blanks; what it does not know stays as it is. Writes as many whole characters as fit
 * into `capacity` bytes with the zero byte; *length is the number of bytes without it that the
 * whole result has. buffer may be NULL if capacity is 0. */
MIME_FAST_API mime_fast_status mime_fast_tokenize(const mime_fast_generator* generator,
                                                  const char* text, char* buffer, size_t capacity,
                                                  size_t* length);
/* Words joined by blanks to natural text, as a checkpoint over words writes its replies. */
MIME_FAST_API mime_fast_status mime_fast_detokenize(const char* words, char* buffer,
                                                    size_t capacity, size_t* length);

#ifdef __cplusplus
}
#endif

#endif
