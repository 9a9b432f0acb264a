// A JSON reader that prints how many values a document holds.
#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { NUL, TRUE_, FALSE_, NUMBER, STRING, ARRAY, OBJECT };

struct value {
	enum kind kind;
	int line;
	double number;
	char *text;
	char *key;
	struct value *child;
	struct value *next;
};

struct reader {
	const char *at;
	int line;
	int depth;
	unsigned long values;
};

static struct value *read_value(struct reader *reader);

static void blanks(struct reader *reader)
{
	while (*reader->at == ' ' || *reader->at == '\n') {
		reader->line += *reader->at == '\n';
		reader->at++;
	}
}

static struct value *value_new(struct reader *reader, enum kind kind)
{
	struct value *value = calloc(1, sizeof(*value));

	value->kind = kind;
	value->line = reader->line;
	reader->values++;
	return value;
}

__attribute__((noinline)) static double read_number(struct reader *reader)
{
	char digits[16];
	int n = 0;

	while (strchr("0123456789+-.eE", *reader->at) && *reader->at) {
#ifdef CHECKED
		if (n == sizeof(digits) - 1)
			break;
#endif
		digits[n++] = *reader->at++;
	}
	digits[n] = 0;
	return atof(digits);
}

__attribute__((noinline)) static char *read_string(struct reader *reader)
{
	const char *start = ++reader->at;
	size_t length;
	char *text;

	while (*reader->at && *reader->at != '"')
		reader->at++;
	length = reader->at - start;
	reader->at += *reader->at == '"';
	text = malloc(length + 1);
	memcpy(text, start, length);
	text[length] = 0;
	return text;
}

__attribute__((noinline)) static struct value *read_items(struct reader *reader, enum kind kind, char end)
{
	struct value *value = value_new(reader, kind), **tail = &value->child;

	reader->at++;
	blanks(reader);
	while (*reader->at && *reader->at != end) {
		char *key = NULL;
		if (kind == OBJECT) {
			key = read_string(reader);
			blanks(reader);
			reader->at += *reader->at == ':';
		}
		*tail = read_value(reader);
		if (!*tail)
			break;
		(*tail)->key = key;
		tail = &(*tail)->next;
		blanks(reader);
		reader->at += *reader->at == ',';
		blanks(reader);
	}
	reader->at += *reader->at == end;
	return value;
}

static struct value *read_value(struct reader *reader)
{
	struct value *value;

	blanks(reader);
	switch (*reader->at) {
	case '[':
		return read_items(reader, ARRAY, ']');
	case '{':
		return read_items(reader, OBJECT, '}');
	case '"':
		value = value_new(reader, STRING);
		value->text = read_string(reader);
		return value;
	case 't':
	case 'f':
	case 'n':
		value = value_new(reader, *reader->at == 't' ? TRUE_ : *reader->at == 'f' ? FALSE_ : NUL);
		while (*reader->at >= 'a' && *reader->at <= 'z')
			reader->at++;
		return value;
	case 0:
		return NULL;
	default:
		value = value_new(reader, NUMBER);
		value->number = read_number(reader);
		return value;
	}
}

__attribute__((noinline)) static struct value *find(struct value *object, const char *key)
{
	assert(object->kind == OBJECT);
	for (struct value *value = object->child; value; value = value->next)
		if (strcmp(value->key, key) == 0)
			return value;
	return NULL;
}

__attribute__((noinline)) static int port_of(struct value *document)
{
	struct value *server = find(document, "server");
	struct value *port = find(server, "port");

	return (int)port->number;
}

static char *nested(int depth)
{
	char *text = malloc(depth * 2 + 1);

	memset(text, '[', depth);
	memset(text + depth, ']', depth);
	text[depth * 2] = 0;
	return text;
}

static void *parse(void *argument)
{
	struct reader reader = {.at = argument, .line = 1};
	struct value *document = read_value(&reader);

	printf("%lu values\n", reader.values);
	if (document && document->kind == OBJECT)
		printf("port %d\n", port_of(document));
#ifdef NOT_OBJECT
	printf("port %d\n", port_of(document));
#endif
	return NULL;
}

int main(void)
{
	char *text = "{\"name\": \"web\", \"server\": {\"port\": 8080, \"tls\": true}}";
	pthread_attr_t attributes;
	pthread_t thread;

	parse(text);
#if defined(DEEP) || defined(DEEP_THREAD)
	text = nested(400000);
#elif defined(NO_PORT)
	text = "{\"name\": \"web\", \"server\": {\"socket\": \"/run/web\"}}";
#elif defined(LONG_NUMBER)
	text = "{\"server\": {\"port\": 31415926535897932384626433832795028841971693993751058209749445923078164062862089986}}";
#elif defined(NOT_OBJECT)
	text = "[1, 2, 3]";
#endif
#if defined(DEEP_THREAD) || defined(THREADED)
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 256 * 1024);
	pthread_create(&thread, &attributes, parse, text);
	pthread_join(thread, NULL);
#else
	parse(text);
#endif
	return 0;
}
