void each(const int *values, int count, void (*visit)(int))
{
	for (int i = 0; i < count; i++)
		visit(values[i]);
}
